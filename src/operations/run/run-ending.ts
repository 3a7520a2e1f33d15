import { wellFormedJson } from '../../config/well-formed.js';
import type { How } from '../end/operation-ender.js';
import { OperationError } from './operation-context.js';
import { AttemptFailed } from './attempt-failed.js';
import { storable } from './operation-run.js';
import { ENDED_TEXT } from '../operation.state.js';
import type { OperationOutcome } from './operation-type.js';

const MAX_JSON = 1024 * 1024;

/** How a run ends that gave this; fails where it can't be stored. */
export function finished(outcome: OperationOutcome): Extract<How, { state: 'Finished' }> {
  const result = json(outcome.result);
  const custom = json(outcome.custom);
  if ((result?.length ?? 0) + (custom?.length ?? 0) > MAX_JSON) {
    throw new OperationError(
      'result_too_large',
      'result and custom are over 1 MiB: store them with context.saveFile',
    );
  }
  const statusText = storable(outcome.statusText || ENDED_TEXT.Finished);
  return { state: 'Finished', statusText, result, custom, fileId: fileId(outcome) };
}

/** What went wrong, and whether the error itself says that another try may help. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly retry: boolean;
  /** Id of a file that tells more of it. */
  readonly fileId: string | null;
  /** JSON that tells more of it. */
  readonly result?: string | null;
  /** When the handler wants another try; as its type says where it isn't given. */
  readonly again?: AttemptFailed['again'];
}

/** What a handler's error says. */
export function failureOf(error: unknown): Failure {
  const { code, retry, file } =
    error instanceof OperationError ? error : { code: 'handler_error', retry: true, file: null };
  // Handlers may be plain JavaScript: nothing that they throw may keep the run from ending.
  const { told, again } = error instanceof AttemptFailed ? error : { told: undefined, again: null };
  const failure = { code: String(code || 'handler_error'), message: describe(error), retry };
  return { ...failure, fileId: fileId({ file }), result: json(told), again };
}

/** Handlers in plain JavaScript may give anything: what is no text is no file. */
function fileId({ file }: { readonly file?: string | null }): string | null {
  return typeof file === 'string' ? storable(file) : null;
}

/** What JSON has no form for, such as a `bigint` or a circle, has none at the next try either. */
function json(value: unknown): string | null {
  try {
    const text: string | undefined = JSON.stringify(value);
    return text === undefined ? null : wellFormedJson(text);
  } catch (error) {
    throw new OperationError('result_not_json', `result and custom must be JSON: ${describe(error)}`);
  }
}

function describe(error: unknown): string {
  const message: unknown = error instanceof Error ? error.message : error;
  return typeof message === 'string' && message !== '' ? message : 'the handler failed without a message';
}
