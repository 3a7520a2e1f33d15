import { createHash } from 'node:crypto';
import type { GivenHeader } from '../../egress/header-rules.js';
import type { Flow } from '../flow/flow.js';
import type { Face } from '../operation.entity.js';

/** An operation as a caller submits it, whatever the face. */
export interface Submission {
  readonly accountId: string;
  readonly face: Face;
  readonly type: string;
  readonly input: unknown;
  readonly callback: {
    readonly url: string;
    readonly headers: readonly GivenHeader[];
    /** Bytes: a larger body leaves the result out; as the setting says where it isn't given. */
    readonly thinOver?: number | null;
  } | null;
  readonly correlation: string | null;
  readonly priority: number;
  readonly runAt: Date | null;
  readonly timeoutS: number | null;
  readonly retention: string | null;
  readonly rerunOf?: string | null;
  /**
   * For so long, milliseconds, the submit's answer may tell the end in place of the callback, which waits: `answered` or
   * `unanswered` says what became of it. Null, or not given: the callback doesn't wait.
   */
  readonly silentMs?: number | null;
  /** W3C trace context of the caller's request; null where it had none. */
  readonly traceparent: string | null;
  /** Whether reading the end ends the callback's attempts; as the setting says where it isn't given. */
  readonly ackByPoll?: boolean | null;
  /** Ringback's own: it may name a type that no caller can, and uses nothing of what the account may use. */
  readonly own?: boolean;
  /** The schedule that has it submitted, and for which of its times. */
  readonly schedule?: { readonly id: string; readonly tick: Date };
  /** The key that it shares with others, of which so many run or start at once; not given: none. */
  readonly flow?: Flow | null;
  /** With the text whose digest tells whether a repeated key comes with the same body. */
  readonly idempotency: {
    readonly key: string;
    readonly body: string;
    /** For so long it stands for this submission, seconds; a day where it isn't given. */
    readonly keptS?: number;
  } | null;
}

/** What tells a repeated key's body from another. */
export function fingerprintOf(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
