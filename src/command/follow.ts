import type { HistoryEntry, Operation, RingbackClient } from '../client/index.js';
import { given } from './arguments.js';
import { clean } from './output.js';
import { Progress } from './progress.js';

export interface FollowOptions {
  /** Seconds after which the operation is answered as it stands. */
  readonly timeoutS?: number | undefined;
  readonly account?: string | undefined;
  /** Without progress. */
  readonly isQuiet?: boolean;
}

/** The operation once it has ended, or the time is up; its progress is shown meanwhile. */
export async function follow(
  client: RingbackClient,
  id: string,
  { timeoutS, account, isQuiet = false }: FollowOptions = {},
): Promise<Operation> {
  if (isQuiet && account === undefined) return client.wait(id, given({ timeoutS }));
  const signal = timeoutS === undefined ? undefined : AbortSignal.timeout(1000 * timeoutS);
  using _ = goesOn(id);
  {
    using progress = new Progress(isQuiet);
    try {
      for await (const entry of client.stream(id, given({ account, signal }))) progress.tell(lineOf(entry));
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  }
  return client.find(id, given({ account }));
}

/** An entry of the history as one line. */
export function lineOf({ kind, status, progress, text }: HistoryEntry): string {
  if (kind === 'transition') return text === '' || text === status ? `${status}` : `${status}: ${text}`;
  return progress === null ? text : `${String(progress).padStart(3)} %  ${text}`;
}

/** Ctrl-C ends the looking on, not the operation: that is said. */
export function goesOn(id: string): Disposable {
  const end = (): void => {
    process.stderr.write(`\nThe operation goes on. "ringback wait ${clean(id)}" waits for its end.\n`);
    process.exit(130);
  };
  process.once('SIGINT', end);
  return { [Symbol.dispose]: () => void process.off('SIGINT', end) };
}
