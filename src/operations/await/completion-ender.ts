import { Injectable } from '@nestjs/common';
import type { OperationEntity } from '../operation.entity.js';
import { type How, OperationEnder } from '../end/operation-ender.js';
import type { Claim } from '../run/claim.js';
import { CompletionStore } from './completion.store.js';

const TIMED_OUT = {
  state: 'Failed',
  code: 'timeout',
  message: 'nobody completed it before its token expired',
} as const satisfies How;

/** Ends operations as whoever had their token said, or because nobody did in time. */
@Injectable()
export class CompletionEnder {
  constructor(
    private readonly completions: CompletionStore,
    private readonly ender: OperationEnder,
  ) {}

  /** Ends an operation that the caller has leased; null when the lease was lost. */
  async end(claim: Claim, finishedAt = claim.claimedAt): Promise<OperationEntity | null> {
    const how = (await this.completions.given(claim.operation.requestId)) ?? TIMED_OUT;
    return this.endAs(claim, how, finishedAt);
  }

  /** The same where it is known how. */
  async endAs(claim: Claim, how: How, finishedAt = claim.claimedAt): Promise<OperationEntity | null> {
    const ended = await this.ender.end(claim, how, finishedAt);
    // What it said is in the operation's end now. Where that isn't noted, it goes with the operation.
    if (ended) void this.completions.settled(claim.operation.requestId).catch(() => undefined);
    return ended;
  }
}
