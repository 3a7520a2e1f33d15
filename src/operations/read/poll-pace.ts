import { Injectable } from '@nestjs/common';
import type { OperationEntity } from '../operation.entity.js';

/** Ends that are remembered of a type. */
const REMEMBERED = 32;
/** Bounds of what is told, seconds. */
const MIN_S = 1;
const MAX_S = 60;
/** Past all that is known, callers are asked to wait for this share of the time they have waited, or that is left. */
const PATIENCE = 0.25;

/**
 * Whole seconds after which asking again makes sense for a run that has taken `elapsedS`: when a quarter of the recent runs
 * that took longer had ended. Low on purpose: a caller that asks once too often loses less than one that hears too late.
 * `recentS` is in order.
 */
export function pollAfterS(recentS: readonly number[], elapsedS: number): number {
  const from = placeIn(recentS, elapsedS);
  const quartile = recentS[from + Math.floor((recentS.length - from) / 4)];
  const aheadS = quartile === undefined ? elapsedS * PATIENCE : quartile - elapsedS;
  return Math.min(MAX_S, Math.max(MIN_S, Math.ceil(aheadS)));
}

/** What is known of a type. */
interface Recent {
  /** The newest end, milliseconds since 1970. */
  newest: number;
  /** By request id, the oldest first. */
  readonly durationsS: Map<string, number>;
  /** The same in order, kept so: every answer to a submit looks at it. */
  readonly orderedS: number[];
}

/**
 * Tells pollers when to ask again, from how long operations of the type took lately: those that this process has ended, and
 * those whose end it was asked for.
 */
@Injectable()
export class PollPace {
  private readonly types = new Map<string, Recent>();

  /** Takes an operation that has ended into account, each once. */
  learn({ requestId, type, startedAt, finishedAt }: OperationEntity, now = Date.now()): void {
    if (startedAt === null || finishedAt === null) return;
    const known = this.types.get(type) ?? { newest: 0, durationsS: new Map<string, number>(), orderedS: [] };
    // By their ends: an operation that took long ends after many that came later.
    if (finishedAt.getTime() <= known.newest) return;
    // Not by one that is still to come: PostgreSQL's clock may have been ahead of ours.
    known.newest = Math.min(finishedAt.getTime(), now);
    forget(known, requestId);
    const durationS = (finishedAt.getTime() - startedAt.getTime()) / 1000;
    known.durationsS.set(requestId, durationS);
    known.orderedS.splice(placeIn(known.orderedS, durationS), 0, durationS);
    if (known.durationsS.size > REMEMBERED) forget(known, known.durationsS.keys().next().value!);
    this.types.set(type, known);
  }

  /** `Retry-After` of an operation: whole seconds, 1 to 60; undefined once it has ended. */
  retryAfter(
    { type, dueAt, state, startedAt, runAt, cancelAt }: OperationEntity,
    now = Date.now(),
  ): string | undefined {
    if (dueAt === null) return undefined;
    const aheadS = state === 'Waiting' && runAt !== null ? Math.max(0, (runAt.getTime() - now) / 1000) : 0;
    const elapsedS = startedAt === null ? 0 : Math.max(0, (now - startedAt.getTime()) / 1000);
    const afterS = pollAfterS(this.types.get(type)?.orderedS ?? [], elapsedS);
    // One that is to be canceled ends when its grace time is over, and most likely long before.
    const leftS = cancelAt === null ? Infinity : (cancelAt.getTime() - now) / 1000;
    const endsS = Math.max(MIN_S, Math.ceil(leftS * PATIENCE));
    return String(Math.min(MAX_S, endsS, Math.ceil(aheadS) + afterS));
  }
}

function forget({ durationsS, orderedS }: Recent, requestId: string): void {
  const durationS = durationsS.get(requestId);
  if (durationS === undefined) return;
  durationsS.delete(requestId);
  orderedS.splice(placeIn(orderedS, durationS) - 1, 1);
}

/** The index of the first that is larger; as many as there are where none is. */
function placeIn(orderedS: readonly number[], durationS: number): number {
  let place = 0;
  while (place < orderedS.length && orderedS[place]! <= durationS) place++;
  return place;
}
