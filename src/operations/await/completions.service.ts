import { Injectable, Logger } from '@nestjs/common';
import { DatabaseUnavailableError } from '../../database/database-errors.js';
import { FilesService } from '../../files/files.service.js';
import { type ReceivedWebhook, webhookFault } from '../../signing/received-webhook.js';
import { OperationRefusedError } from '../operation.errors.js';
import { OperationWaits } from '../read/operation-waits.js';
import { CompletionEnder } from './completion-ender.js';
import { CompletionOffers } from './completion-offers.js';
import { CompletionStore, type GivenEnd, howOf, type OfferedToken } from './completion.store.js';
import { tokenHash } from './completion-token.js';

const REFUSALS = {
  'malformed-token': 'this is no completion token: use the completion URL unchanged',
  'unknown-token':
    'there is no such completion token: use the completion URL unchanged; tokens go when their operation is emptied',
  'token-expired': 'the token has expired: the operation is no longer waiting for it',
  'already-completed':
    'the operation was completed before, by another request: repeat that one, byte for byte, to be answered the same',
  'operation-ended': 'the operation has ended without this token: it was canceled, failed or timed out',
  'invalid-signature': '',
} as const;

/** A request with a token that changes nothing. */
export class CompletionRefusedError extends Error {
  override readonly name = 'CompletionRefusedError';

  constructor(
    readonly code: keyof typeof REFUSALS,
    /** The header that is wrong; null where it is none. */
    readonly header: string | null = null,
    message: string = REFUSALS[code],
  ) {
    super(message);
  }
}

/** A token that there is, with which its holder may do as it is for. */
export interface AdmittedToken extends OfferedToken {
  readonly hash: string;
}

/** What somebody else says of an operation, who has a token of it. Refusals are `CompletionRefusedError`. */
@Injectable()
export class Completions {
  private readonly logger = new Logger('Operations');

  constructor(
    private readonly store: CompletionStore,
    private readonly offers: CompletionOffers,
    private readonly ender: CompletionEnder,
    private readonly files: FilesService,
    private readonly waits: OperationWaits,
  ) {}

  /** The token, if there is one. */
  async find(token: string): Promise<AdmittedToken> {
    const hash = tokenHash(token);
    if (hash === null) throw new CompletionRefusedError('malformed-token');
    const offered = await this.store.find(hash);
    if (!offered) throw new CompletionRefusedError('unknown-token');
    return { ...offered, hash };
  }

  /** Refuses a request that isn't signed as the token demands. */
  verify({ verify, accountId, rid }: AdmittedToken, request: ReceivedWebhook): void {
    const signer = this.offers.opened(verify, accountId, rid);
    const fault = signer && webhookFault(signer, request, Math.floor(Date.now() / 1000));
    if (fault)
      throw new CompletionRefusedError('invalid-signature', fault.header, `${fault.header} ${fault.message}`);
  }

  /** Keeps how the operation ends, and ends it if it waits for that. `digest` is of the request: repeated, it changes nothing. */
  async end(token: AdmittedToken, digest: string, end: GivenEnd): Promise<void> {
    await this.checkFile(token, end);
    const completed = await this.store.complete(token.hash, digest, end);
    switch (completed.outcome) {
      case 'kept':
      case 'repeated':
        return;
      case 'taken':
        // It is kept: whatever becomes of this, the operation ends so.
        await this.ender.endAs(completed.claim, howOf(end)).catch((error: unknown) => {
          if (!(error instanceof DatabaseUnavailableError)) throw error;
          this.logger.warn(`a completed operation is ended as soon as PostgreSQL is back: ${String(error)}`);
        });
        return;
      default:
        throw refusal(completed.outcome);
    }
  }

  /** Records progress: no less than what a worker tells. */
  async tell({ hash }: AdmittedToken, percent: number | null, text: string | null): Promise<void> {
    const told = await this.store.report(hash, percent, text);
    if (told.outcome !== 'told') throw refusal(told.outcome);
    this.waits.grew(told.requestId);
  }

  private async checkFile({ accountId }: AdmittedToken, end: GivenEnd): Promise<void> {
    if (end.status !== 'finished' || end.file === null) return;
    if (await this.files.find(accountId, end.file)) return;
    const message = `names no file of the operation's account: upload it first, with POST /v1/files`;
    throw new OperationRefusedError('invalid-request', [{ path: 'file', message }]);
  }
}

function refusal(outcome: 'unknown' | 'expired' | 'ended' | 'completed'): CompletionRefusedError {
  const codes = {
    unknown: 'unknown-token',
    expired: 'token-expired',
    ended: 'operation-ended',
    completed: 'already-completed',
  } as const;
  return new CompletionRefusedError(codes[outcome]);
}
