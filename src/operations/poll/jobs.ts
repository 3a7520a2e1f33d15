import { Injectable } from '@nestjs/common';
import { rideOut } from '../../database/ride-out.js';
import { CallbackHosts } from '../../egress/callback-hosts.js';
import { Suspension } from '../await/suspension.js';
import { OperationError } from '../run/operation-context.js';
import type { RunContext } from '../run/operation-run.js';
import type { PollAnswer } from './poll-answer.js';
import { type Beginning, begin, mayPass } from './poll-decision.js';
import { planOf } from './poll-input.js';
import { plainText, pollDelay } from './poll-news.js';
import { PollStore } from './poll.store.js';
import { PollTargets } from './poll-targets.js';
import type { PollTarget } from './polling-handler.js';

/** So often is a result asked for that answers 404, or says that it isn't to be had now. */
const MAX_MISSED = 4;
const MAX_TRIES = 8;

/** A first answer, and what was asked for it. */
export interface FirstAnswer extends Pick<PollTarget, 'poll' | 'method' | 'asked' | 'headers'> {
  readonly answer: PollAnswer;
  /** Why a URL must not be called; null: it may. */
  readonly refusal: (url: string) => string | null;
  /** Any answer may come that is about no job: all that is followed is one that runs, and what else comes is the result. */
  readonly runningOnly?: boolean;
}

/** What a first answer leads to: it is the result, or a failure, or the operation waits for a job. */
export type Followed = { readonly kind: 'result' } | Extract<Beginning, { kind: 'failed' }> | Suspension;

/** What a run that goes on after a wait has to do: fetch the result, or wait again. */
export type GoneOn = { readonly kind: 'collect'; readonly target: PollTarget } | Suspension;

/** Jobs of other APIs, as the runs see them that begin to wait for one, and fetch what it has made. */
@Injectable()
export class Jobs {
  constructor(
    private readonly store: PollStore,
    private readonly targets: PollTargets,
    private readonly hosts: CallbackHosts,
  ) {}

  /** Reads a first answer. */
  follow({ answer, refusal, runningOnly = false, ...asked }: FirstAnswer, context: RunContext): Followed {
    const plan = planOf(asked.poll);
    const now = context.now();
    const beginning = begin(plan, answer, asked.asked, now);
    if (runningOnly && (beginning.kind !== 'poll' || refusal(beginning.url) !== null))
      return { kind: 'result' };
    if (beginning.kind === 'failed') return beginning;
    if (beginning.kind === 'done' && beginning.from === null) return { kind: 'result' };
    const url = beginning.kind === 'done' ? beginning.from! : beginning.url;
    const reason = refusal(url);
    if (reason !== null)
      return {
        kind: 'failed',
        code: 'no_job',
        message: `the answer names a URL that is not called: ${reason}`,
      };
    const untilMs = Math.min(now.getTime() + plan.untilS * 1000, context.endsBy.getTime());
    const target: PollTarget = {
      ...{ ...asked, asked: new URL(asked.asked).href, url, untilMs },
      ...(beginning.kind === 'done' && { collect: true }),
    };
    if (beginning.kind === 'done') return this.wait(context, target, plan.everyS);
    const { progress, text, retryAfterS } = beginning.first;
    context.progress(progress ?? 0, text ?? plainText(url));
    return this.wait(context, target, pollDelay(plan.everyS, retryAfterS, 0, Math.random()));
  }

  /** What there is to do for a run whose operation waits for a job; fails when that has taken too long. */
  async goOn(context: RunContext): Promise<GoneOn> {
    const sealed = await rideOut(
      () => this.store.targetOf(context.requestId),
      () => context.signal.aborted,
    );
    if (sealed === null)
      throw new OperationError('no_job', 'nothing is known any more of the job that the operation waits for');
    const target = this.targets.open({ accountId: context.accountId, rid: context.id }, sealed);
    const leftMs = target.untilMs - context.now().getTime();
    if (leftMs <= 0) throw new OperationError('timeout', 'the job has not ended within the time that it had');
    return target.collect ? { kind: 'collect', target } : context.goOn(leftMs / 1000, null);
  }

  /** Has the result fetched by a later run, as it wasn't to be had: later each time. */
  later(context: RunContext, { poll, untilMs }: PollTarget, why: string): Suspension {
    const tries = triesOf(context) + 1;
    context.progress(99, `The result is not to be had yet: ${why}`);
    const afterS = pollDelay(planOf(poll).everyS, null, tries - 1, Math.random());
    return context.goOn(Math.min(afterS, leftS(context, untilMs)), `job ${tries}`);
  }

  /** Counts the host that a result is at; null: it may be asked. Else a later run asks it, when the account may bring up a new one. */
  async admit(context: RunContext, { url, untilMs }: PollTarget): Promise<Suspension | null> {
    const retryAfterS = await rideOut(
      () => this.hosts.admit(context.accountId, url),
      () => context.signal.aborted,
    );
    if (retryAfterS === null) return null;
    const afterS = pollDelay(retryAfterS, null, 0, Math.random());
    return context.goOn(Math.min(afterS, leftS(context, untilMs)), null);
  }

  /** Whether a result's answer of this status may be another one later. After some tries it is the result, whatever it says. */
  mayPass(context: RunContext, status: number): boolean {
    return mayPass(status) && triesOf(context) < (status === 404 ? MAX_MISSED : MAX_TRIES);
  }

  private wait(context: RunContext, target: PollTarget, afterS: number): Suspension {
    const sealed = this.targets.seal({ accountId: context.accountId, rid: context.id }, target);
    const waitS = target.collect ? 0 : leftS(context, target.untilMs);
    return Suspension.forJob(waitS, { afterS, target: sealed });
  }
}

/** How long a job may still take, seconds. */
function leftS(context: RunContext, untilMs: number): number {
  return Math.max(0, (untilMs - context.now().getTime()) / 1000);
}

/** How often the result was asked for in vain: the checkpoint says it, behind its word. */
function triesOf({ checkpoint }: RunContext): number {
  return Number(checkpoint?.split(' ')[1] ?? 0);
}
