import type { FieldError } from '../../config/validation.js';
import { checkFlow } from '../flow/flow.js';
import type { Submission } from './submission.js';
import type { RegisteredType } from '../run/operation-types.js';

/** How far `run_at` may lie back: who says "now" says it a little before it arrives. */
const RUN_AT_SLACK_MS = 1_000;
/** A year, whichever it is. */
const MAX_AHEAD_DAYS = 366;

/** What of a submission's options is refused; `classes` are the retention classes that there are. */
export function checkOptions(
  { retention, runAt, timeoutS, flow }: Submission,
  type: RegisteredType,
  classes: readonly string[],
): FieldError[] {
  const errors: FieldError[] = flow ? checkFlow(flow) : [];
  if (retention !== null && !classes.includes(retention))
    errors.push({ path: 'retention', message: `must be one of ${classes.join(', ')}` });
  if (timeoutS !== null && timeoutS > type.maxTimeoutS) {
    errors.push({
      path: 'timeout_s',
      message: `must be at most ${type.maxTimeoutS}: that is what ${type.name} allows`,
    });
  }
  const ahead = runAt === null ? 0 : runAt.getTime() - Date.now();
  if (ahead < -RUN_AT_SLACK_MS) errors.push({ path: 'run_at', message: 'must not be in the past' });
  if (ahead > MAX_AHEAD_DAYS * 86_400_000)
    errors.push({ path: 'run_at', message: `must be at most ${MAX_AHEAD_DAYS} days ahead` });
  return errors;
}
