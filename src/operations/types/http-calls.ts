import { Injectable } from '@nestjs/common';
import type { EgressRequest, EgressResponse } from '../../egress/egress.js';
import { HttpRequestEgress } from '../../egress/egress.module.js';
import { OperationError } from '../run/operation-context.js';
import type { RunContext } from '../run/operation-run.js';
import type { OperationOutcome } from '../run/operation-type.js';
import { OriginCalls } from '../run/origin-calls.store.js';
import { transportFault } from './kept-response.js';

/** The operation's own timeout rules; this one is never first. */
export const REQUEST_MS = 7 * 86_400_000;

/** Requests in the background, each in one of the places that there are at its URL's origin. */
@Injectable()
export class HttpCalls {
  constructor(
    private readonly egress: HttpRequestEgress,
    private readonly places: OriginCalls,
  ) {}

  /** Why a URL must not be called; null: it may. */
  refusalOf(url: string): string | null {
    const checked = this.egress.policy.check(url);
    return checked.accepted ? null : checked.reason;
  }

  /** Makes the request once it has a place, and has the answer dealt with in it. */
  async make(
    url: string,
    context: RunContext,
    request: () => EgressRequest & { maxResponseBytes: number },
    deal: (response: EgressResponse) => Promise<OperationOutcome>,
  ): Promise<OperationOutcome> {
    const { origin } = new URL(url);
    await this.places.take(origin, context);
    let isProven = false;
    try {
      const response = await this.egress.request(request());
      isProven = response.status >= 200 && response.status <= 299;
      return await deal(response);
    } catch (error) {
      if (context.signal.aborted || error instanceof OperationError) throw error;
      throw transportFault(error);
    } finally {
      // In an outage the end of the run's lease gives it back.
      await this.places.giveBack(origin, context, isProven).catch(() => undefined);
    }
  }
}
