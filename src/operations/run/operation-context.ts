import type { Readable } from 'node:stream';
import type { StoredFile } from '../../files/files.service.js';
import type { CompletionOffer, CompletionOptions } from '../await/completion-offers.js';
import type { OperationOutcome } from './operation-type.js';

/** What a running handler knows and may do. */
export interface OperationContext {
  /** The operation's public id. */
  readonly id: string;
  readonly requestId: string;
  readonly accountId: string;
  /** 1 on the first try. */
  readonly attempt: number;
  /** W3C trace context of this run, to be sent with requests that it makes as `traceparent`; null where there is no trace. */
  readonly traceparent: string | null;
  /** Fires on timeout, cancel, shutdown, or when another worker has taken over: stop and throw or return. */
  readonly signal: AbortSignal;
  /** Shows progress (0 to 100) and, if given, a line for people. Cheap: may be called for every item. */
  progress(percent: number, text?: string): void;
  /** Adds a line to the operation's history. */
  log(line: string): void;
  /** Stores a file of the operation's account as a stream; its id may be the outcome's `file`. */
  saveFile(stream: Readable, about: { name: string; contentType: string }): Promise<StoredFile>;
  /** A file of the operation's account, uploaded or stored before; fails the operation when there is none. */
  openFile(id: string): Promise<StoredFile & { stream: Readable }>;
  /**
   * Makes a token with which somebody else ends this operation, and the URL to POST it to: hand them out, then return
   * `untilCompleted()`. Tokens of an earlier attempt are good as well, until one of them has ended the operation.
   */
  completion(options?: CompletionOptions): Promise<CompletionOffer>;
  /**
   * To be returned: the worker is free, and the operation goes on being Executing until one of its tokens ends it, also one that
   * was used before this; or fails with `timeout` when the last has expired.
   */
  untilCompleted(): OperationOutcome;
  /** Ends the operation as Failed, for good. */
  fail(code: string, message: string): never;
}

/** Thrown by a handler to end its run as failed: for good, or to be tried again. */
export class OperationError extends Error {
  override readonly name = 'OperationError';

  constructor(
    readonly code: string,
    message: string,
    /** Whether another try, if one is left, may help. */
    readonly retry = false,
    /** Id of a file that tells more of it, such as the answer of another API. */
    readonly file: string | null = null,
  ) {
    super(message);
  }
}
