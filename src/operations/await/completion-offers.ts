import { Injectable } from '@nestjs/common';
import { HttpConfig } from '../../config/config.js';
import { SecretBox } from '../../signing/secret-box.js';
import { signerFault, type WebhookSigner } from '../../signing/received-webhook.js';
import { rideOut } from '../../database/ride-out.js';
import type { OperationEntity } from '../operation.entity.js';
import type { Claim } from '../run/claim.js';
import { CompletionStore } from './completion.store.js';
import { newCompletionToken } from './completion-token.js';

/** For how long a token ends its operation, and whose request it takes. */
export interface CompletionOptions {
  /**
   * Seconds that the token is good for, and that the operation waits at the most; as long as its `timeout_s` says, unless given,
   * and never longer. Fractions are allowed.
   */
  readonly timeoutS?: number;
  /** Only webhooks signed so are taken; any request with the token, unless given. The secret is stored encrypted and never shown. */
  readonly verify?: WebhookSigner;
}

/** What whoever is to complete an operation is given. */
export interface CompletionOffer {
  /** To be POSTed to; it has the token in it. */
  readonly url: string;
  readonly token: string;
}

/** A token for an operation that is being accepted. */
export interface AcceptedToken {
  readonly token: string;
  readonly hash: string;
  readonly expiresS: number;
  readonly verify: string | null;
}

/** Makes the tokens with which somebody else ends an operation. */
@Injectable()
export class CompletionOffers {
  constructor(
    private readonly store: CompletionStore,
    private readonly box: SecretBox,
    private readonly http: HttpConfig,
  ) {}

  /** A token for a run's operation; null when the run has lost its lease. An outage is ridden out until `giveUp`. */
  async offer(
    { operation, leaseToken }: Claim,
    { timeoutS, verify }: CompletionOptions,
    leftS: number,
    giveUp: () => boolean,
  ): Promise<CompletionOffer | null> {
    const { requestId, rid, accountId } = operation;
    const { token, hash } = newCompletionToken();
    const row = {
      hash,
      requestId,
      rid,
      leaseToken,
      expiresS: expiresAfter(timeoutS, leftS),
      verify: this.sealed(verify, accountId, rid),
    };
    return (await rideOut(() => this.store.add(row), giveUp)) ? this.shown(token) : null;
  }

  /** A token for an operation that is being accepted, which is good for at most `mostS` from when it may run. */
  accept(
    { timeoutS, verify }: CompletionOptions,
    { accountId, rid, timeoutS: mostS }: Pick<OperationEntity, 'accountId' | 'rid' | 'timeoutS'>,
  ): AcceptedToken {
    const expiresS = expiresAfter(timeoutS, mostS);
    return { ...newCompletionToken(), expiresS, verify: this.sealed(verify, accountId, rid) };
  }

  /** Another token for who submitted an operation and asks for it again; null where it has ended, or never had one. */
  async again({ requestId }: OperationEntity): Promise<string | null> {
    const { token, hash } = newCompletionToken();
    return (await this.store.addAnother(hash, requestId)) ? token : null;
  }

  /** Whose webhook a token takes; null for any request. */
  opened(verify: string | null, account: string, row: string): WebhookSigner | null {
    return verify === null
      ? null
      : (JSON.parse(this.box.open(verify, { account, row, column: 'completion_verify' })) as WebhookSigner);
  }

  private sealed(verify: WebhookSigner | undefined, account: string, row: string): string | null {
    if (!verify) return null;
    const { profile, secret } = verify;
    const fault = signerFault(verify);
    if (fault !== null) throw new TypeError(`verify of a completion: ${fault}`);
    return this.box.seal(JSON.stringify({ profile, secret }), { account, row, column: 'completion_verify' });
  }

  private shown(token: string): CompletionOffer {
    return { token, url: completionUrl(this.http.publicUrl, token) };
  }
}

/** Where a token is POSTed to. */
export function completionUrl(publicUrl: string, token: string): string {
  return `${publicUrl}/v1/completions/${token}`;
}

function expiresAfter(timeoutS: number | undefined, mostS: number): number {
  if (timeoutS !== undefined && !(timeoutS > 0))
    throw new RangeError(`timeoutS of a completion is ${timeoutS}: give seconds above 0`);
  return Math.max(0, Math.min(timeoutS ?? Infinity, mostS));
}
