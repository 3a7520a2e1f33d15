import { Injectable } from '@nestjs/common';
import { AccountConfig } from '../config/config.js';
import type { FieldError } from '../config/validation.js';
import { randomId } from '../database/random-id.js';
import { OperationRefusedError } from '../operations/operation.errors.js';
import { type Accepted, OperationsService, type Submission } from '../operations/operations.service.js';
import type { ScheduleEntity } from './schedule.entity.js';
import { ScheduleNotFoundError, ScheduleRefusedError } from './schedule.errors.js';
import { nextOf } from './schedule-ticks.js';
import { readCron, ticksAfter } from './schedule-times.js';
import { type ScheduleSettings, ScheduleStore } from './schedule.store.js';
import { type ScheduledOperation, ScheduledOperations } from './scheduled-operations.js';

/** A schedule as a caller describes it. */
export type ScheduleDescription = Pick<
  ScheduleEntity,
  'name' | 'cron' | 'everyS' | 'at' | 'timeZone' | 'missed' | 'overlap' | 'jitterS' | 'endsAt'
> & { readonly operation: ScheduledOperation };

/** Times that are told beforehand. */
const TOLD = 5;
/** Ticks that a jitter is held against. */
const LOOKED_AT = 10;
/** Another change may come between the read and the write of one. */
const MAX_TRIES = 5;

/** What accounts can do with their schedules. Refusals are errors of `schedule.errors.ts` and `operation.errors.ts`. */
@Injectable()
export class SchedulesService {
  constructor(
    private readonly store: ScheduleStore,
    private readonly scheduled: ScheduledOperations,
    private readonly operations: OperationsService,
    private readonly config: AccountConfig,
  ) {}

  async create(accountId: string, description: ScheduleDescription): Promise<ScheduleEntity> {
    const id = randomId('sch_');
    const createdAt = new Date();
    const settings = await this.settings({ id, accountId, createdAt }, description);
    refuseTickless(settings);
    const most = this.config.schedulesPerAccount;
    const made = await this.store.create(accountId, id, createdAt, settings, most);
    if (!made) throw refused('name', `this account has its ${most} schedules: delete one`);
    return made;
  }

  /** Of an account, or of any (null). */
  async find(accountId: string | null, id: string): Promise<ScheduleEntity> {
    const schedule = await this.store.find(accountId, id);
    if (!schedule) throw new ScheduleNotFoundError(`there is no schedule ${id.slice(0, 60)} in this account`);
    return schedule;
  }

  /** What it submits, with what is secret in it. */
  operationOf(schedule: ScheduleEntity): ScheduledOperation {
    return this.scheduled.open(schedule);
  }

  /** Its next times; none while it is paused. */
  nextTimes(schedule: ScheduleEntity): Date[] {
    const { nextTick } = schedule;
    return nextTick === null ? [] : [nextTick, ...ticksAfter(schedule, nextTick, TOLD - 1)];
  }

  /** Changes what `describe` makes of what it is; where its times change, it goes on from now. */
  async change(
    accountId: string,
    id: string,
    describe: (current: ScheduleDescription) => ScheduleDescription,
  ): Promise<ScheduleEntity> {
    for (let tries = MAX_TRIES; tries > 0; tries--) {
      const current = await this.find(accountId, id);
      const description = describe({ ...current, operation: this.scheduled.open(current) });
      const settings = await this.settings(current, description);
      const retimed = isRetimed(current, settings);
      if (retimed) refuseTickless(settings);
      const changed = await this.store.change(current, settings, retimed);
      if (changed) return changed;
    }
    throw refused('id', 'was changed by others meanwhile: try again');
  }

  /** Ticks no more until it is resumed; may be repeated. */
  async pause(accountId: string, id: string): Promise<ScheduleEntity> {
    await this.store.pause(accountId, id);
    return this.find(accountId, id);
  }

  /** Ticks from now on; what would have come while it was paused is not owed. May be repeated. */
  async resume(accountId: string, id: string): Promise<ScheduleEntity> {
    for (let tries = MAX_TRIES; tries > 0; tries--) {
      const current = await this.find(accountId, id);
      if (current.pausedAt === null) return current;
      const resumed = await this.store.resume(current, nextOf(current, id, new Date()));
      if (resumed) return resumed;
    }
    throw refused('id', 'was changed by others meanwhile: try again');
  }

  /** Submits its operation now, besides its ticks. */
  async run(
    accountId: string,
    id: string,
    { idempotency, traceparent }: Pick<Submission, 'idempotency' | 'traceparent'>,
  ): Promise<Accepted> {
    const submission = this.scheduled.at(new Date(), await this.find(accountId, id));
    return this.operations.accept({ ...submission, idempotency, traceparent });
  }

  /** What it has submitted stays. */
  async remove(accountId: string, id: string): Promise<void> {
    if (!(await this.store.remove(accountId, id)))
      throw new ScheduleNotFoundError(`there is no schedule ${id.slice(0, 60)} in this account`);
  }

  /** What is stored of a description, once all of it would be accepted. */
  private async settings(
    row: Pick<ScheduleEntity, 'id' | 'accountId' | 'createdAt'>,
    { operation, ...times }: ScheduleDescription,
  ): Promise<ScheduleSettings> {
    const errors = checkTimes(times);
    if (errors.length > 0) throw new ScheduleRefusedError(errors);
    const { id, accountId, createdAt } = row;
    await this.check({
      ...operation,
      accountId,
      face: 'native',
      runAt: null,
      traceparent: null,
      idempotency: null,
    });
    const next = nextOf({ ...times, createdAt }, id, new Date());
    const { name, cron, everyS, at, timeZone, missed, overlap, jitterS, endsAt } = times;
    return {
      ...{ name, cron, everyS, at, timeZone, missed, overlap, jitterS, endsAt },
      operation: this.scheduled.seal(operation, { id, accountId }),
      ...next,
    };
  }

  /** Whether its operation would be accepted now. */
  private async check(submission: Submission): Promise<void> {
    try {
      const { completion } = await this.operations.prepare(submission);
      if (completion !== null) throw withoutCompletion(submission.type);
    } catch (error) {
      if (!(error instanceof OperationRefusedError)) throw error;
      const errors = error.errors.map(({ path, message }) => ({ path: `operation.${path}`, message }));
      throw new OperationRefusedError(error.code, errors, error.retryAfterS);
    }
  }
}

/** What is wrong with a description's times. */
function checkTimes({
  cron,
  everyS,
  at,
  timeZone,
  endsAt,
  jitterS,
}: Omit<ScheduleDescription, 'operation'>): FieldError[] {
  const given = [cron, everyS, at].filter((value) => value !== null);
  if (given.length !== 1)
    return [{ path: 'cron', message: 'give one of cron, every_s and at: they say when it ticks' }];
  if (!isTimeZone(timeZone))
    return [{ path: 'time_zone', message: 'must be an IANA name, like Europe/Paris' }];
  if (endsAt !== null && endsAt.getTime() <= Date.now())
    return [{ path: 'ends_at', message: 'must be in the future' }];
  try {
    if (cron !== null) readCron(cron, timeZone);
  } catch (error) {
    const told = (error as Error).message.replace(/^CronPattern: /, '');
    return [{ path: 'cron', message: `must be a cron pattern of five or six fields: ${told}` }];
  }
  const now = new Date();
  const ticks = ticksAfter(
    { cron, everyS, at, timeZone, jitterS, endsAt: null, createdAt: now },
    now,
    LOOKED_AT,
  );
  const gaps = ticks.slice(1).map((tick, index) => tick.getTime() - ticks[index]!.getTime());
  // Else a tick would be due before the one that it comes after.
  if (jitterS * 1000 > Math.min(...gaps))
    return [{ path: 'jitter_s', message: 'must be no longer than the time between two ticks' }];
  return [];
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) instanceof Intl.DateTimeFormat;
  } catch {
    return false;
  }
}

function isRetimed(before: ScheduleEntity, after: ScheduleSettings): boolean {
  return (
    before.cron !== after.cron ||
    before.everyS !== after.everyS ||
    before.at?.getTime() !== after.at?.getTime() ||
    before.timeZone !== after.timeZone ||
    before.jitterS !== after.jitterS ||
    before.endsAt?.getTime() !== after.endsAt?.getTime()
  );
}

/** Of a type whose operations are ended by whoever was told their address when they were submitted: nobody is. */
function withoutCompletion(type: string): OperationRefusedError {
  const message = `${type} can't be scheduled: nobody would be told its completion_url`;
  return new OperationRefusedError('invalid-request', [{ path: 'type', message }]);
}

function refuseTickless({ nextTick, at, everyS }: ScheduleSettings): void {
  if (nextTick !== null) return;
  const path = at !== null ? 'at' : everyS !== null ? 'every_s' : 'cron';
  throw refused(path, 'has no time ahead at which it would tick');
}

function refused(path: string, message: string): ScheduleRefusedError {
  return new ScheduleRefusedError([{ path, message }]);
}
