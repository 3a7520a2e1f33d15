import { Injectable, Logger } from '@nestjs/common';
import { DatabaseUnavailableError } from '../database/database-errors.js';
import { type Admitted, Quotas, sizeOf } from '../operations/accept/quotas.js';
import type { NewOperation } from '../operations/operation-rows.js';
import { OperationRefusedError, QuotaExceededError } from '../operations/operation.errors.js';
import { storable } from '../operations/run/operation-run.js';
import { Submissions } from '../operations/accept/submissions.service.js';
import { SecretBoxError } from '../signing/secret-box.js';
import { dueTime, owedTicks, tickAfter } from './schedule-times.js';
import { type DueSchedule, MAX_BYTES, type ScheduleMove } from './schedule.store.js';
import { ScheduledOperations } from './scheduled-operations.js';

/** Ticks of one schedule that become operations in one step. */
const MOST_TICKS = 10;
/** Until a schedule is tried again that could not be planned, milliseconds. */
const AGAIN_MS = 30_000;

/** What a tick becomes: an operation, nothing, or, for the time being, nothing yet. */
type Tick =
  | { readonly kind: 'ready'; readonly operation: NewOperation; readonly admitted: Admitted }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'later'; readonly waitS: number };

type Ready = Omit<Extract<Tick, { kind: 'ready' }>, 'kind'>;

/** The moves of one step; a schedule without one stays due. */
export interface Planned {
  readonly moves: readonly ScheduleMove[];
  /** To be called when they were taken, or won't be. */
  settle(taken: boolean): void;
}

/** Decides what becomes of schedules that are due. */
@Injectable()
export class ScheduleTicks {
  private readonly logger = new Logger('Schedules');

  constructor(
    private readonly submissions: Submissions,
    private readonly scheduled: ScheduledOperations,
    private readonly quotas: Quotas,
  ) {}

  async plan(due: readonly DueSchedule[]): Promise<Planned> {
    const ready: Ready[] = [];
    const settle = (taken: boolean): void => {
      for (const { operation, admitted } of ready) admitted.settle(taken ? sizeOf(operation) : null);
    };
    try {
      const moves: ScheduleMove[] = [];
      let room = MAX_BYTES;
      for (const one of due) {
        // Many ticks of those before have filled the step.
        if (room <= 0) break;
        const move = await this.moveAlone(one, room, ready);
        room -= move.operations.length * bytesOf(one);
        moves.push(move);
      }
      return { moves, settle };
    } catch (error) {
      settle(false);
      throw error;
    }
  }

  /** What a handler's own check throws stops no other schedule. */
  private async moveAlone(one: DueSchedule, room: number, ready: Ready[]): Promise<ScheduleMove> {
    const own: Ready[] = [];
    try {
      const move = await this.move(one, room, own);
      ready.push(...own);
      return move;
    } catch (error) {
      for (const { admitted } of own) admitted.settle(null);
      if (error instanceof DatabaseUnavailableError) throw error;
      const { id, nextTick } = one.schedule;
      this.logger.warn(`schedule ${id} could not be submitted, and is tried again: ${String(error)}`);
      return { id, nextTick, dueAt: new Date(one.now.getTime() + AGAIN_MS), operations: [], skipped: null };
    }
  }

  private async move(one: DueSchedule, room: number, ready: Ready[]): Promise<ScheduleMove> {
    const { schedule, busy, closed, now } = one;
    const { id } = schedule;
    const first = schedule.nextTick!;
    const operations: NewOperation[] = [];
    const owed = owedTicks(schedule, first, now, MOST_TICKS);
    let skipped =
      owed.missed === null ? null : { tick: owed.missed, reason: 'missed: nothing could submit it in time' };
    for (const tick of owed.ticks) {
      if (operations.length * bytesOf(one) >= room)
        return { id, nextTick: tick, dueAt: now, operations, skipped };
      const running = schedule.overlap === 'skip' && (busy || operations.length > 0);
      const idle = closed ? 'the account is disabled' : running ? 'the operation before had not ended' : null;
      const made = idle === null ? await this.make(tick, schedule) : { kind: 'refused' as const, why: idle };
      if (made.kind === 'later') {
        const again = new Date(now.getTime() + made.waitS * 1000);
        return { id, nextTick: tick, dueAt: again, operations, skipped };
      }
      if (made.kind === 'refused') skipped = { tick, reason: made.why };
      else {
        ready.push(made);
        operations.push(made.operation);
      }
    }
    const dueAt = owed.next && dueTime(schedule, id, owed.next);
    return { id, nextTick: owed.next, dueAt, operations, skipped };
  }

  private async make(tick: Date, schedule: DueSchedule['schedule']): Promise<Tick> {
    try {
      const operation = await this.submissions.prepare(this.scheduled.at(tick, schedule));
      const admitted = await this.quotas.admit(operation.accountId, sizeOf(operation), 1);
      return { kind: 'ready', operation, admitted };
    } catch (error) {
      if (error instanceof QuotaExceededError) return { kind: 'later', waitS: error.retryAfterS };
      if (error instanceof OperationRefusedError && error.retryAfterS !== null)
        return { kind: 'later', waitS: error.retryAfterS };
      if (error instanceof OperationRefusedError) return { kind: 'refused', why: storable(error.message) };
      if (error instanceof SecretBoxError)
        return { kind: 'refused', why: 'what it submits does not open: its secret key is missing' };
      throw error;
    }
  }
}

/** Of one operation of a schedule, as `take_schedules` counts it. */
function bytesOf({ schedule }: DueSchedule): number {
  return schedule.operation.length;
}

/** The first tick from now on and when it is due; nulls where none is left. */
export function nextOf(
  times: Parameters<typeof tickAfter>[0],
  id: string,
  now: Date,
): { nextTick: Date | null; dueAt: Date | null } {
  const nextTick = tickAfter(times, now);
  return { nextTick, dueAt: nextTick && dueTime(times, id, nextTick) };
}
