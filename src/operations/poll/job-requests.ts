import { Injectable } from '@nestjs/common';
import type { SmallAnswer } from '../../egress/small-request.js';
import { pollDelay } from './poll-news.js';
import type { PollPlan } from './poll-plan.js';
import type { TakenPoll } from './poll.store.js';
import type { PollingHandler, PollTarget } from './polling-handler.js';
import { StrangerOrigins } from './stranger-origins.js';

/** A job whose poll this process has taken, and who knows how to ask for it. */
export interface TakenJob {
  readonly poll: TakenPoll;
  readonly target: PollTarget;
  readonly plan: PollPlan;
  readonly handler: PollingHandler;
  /** For requests, milliseconds. */
  readonly timeoutMs: number;
}

/** What came of asking: an answer, or none, or it isn't the job's turn for so many seconds. */
export type Asked =
  | { readonly kind: 'answered'; readonly answer: SmallAnswer }
  | { readonly kind: 'unanswered'; readonly error: unknown }
  | { readonly kind: 'later'; readonly afterS: number };

/** Makes requests about jobs: gently, where they lead to an origin that the first request didn't. */
@Injectable()
export class JobRequests {
  constructor(private readonly strangers: StrangerOrigins) {}

  /** Fails where our own database does. */
  async make(
    { poll, target, plan, handler, timeoutMs }: TakenJob,
    method: string,
    url: string,
  ): Promise<Asked> {
    const isStranger = handler.isStranger(target, url);
    const afterS = isStranger ? await this.strangers.admit(poll, url, plan.everyS) : null;
    if (afterS !== null) return { kind: 'later', afterS: pollDelay(afterS, null, 0, Math.random()) };
    try {
      const answer = await handler.ask(target, { method, url, timeoutMs });
      // In an outage the next answer proves it.
      if (isStranger && answer.status >= 200 && answer.status <= 299)
        await this.strangers.prove(url).catch(() => undefined);
      return { kind: 'answered', answer };
    } catch (error) {
      return { kind: 'unanswered', error };
    }
  }
}
