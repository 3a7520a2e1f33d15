import { Injectable } from '@nestjs/common';
import { AccountConfig } from '../config/config.js';
import { randomId } from '../database/random-id.js';
import { OperationRefusedError } from '../operations/operation.errors.js';
import { type Accepted, Submissions } from '../operations/accept/submissions.service.js';
import type { Submission } from '../operations/accept/submission.js';
import type { ScheduleEntity } from './schedule.entity.js';
import { ScheduleNotFoundError, ScheduleRefusedError } from './schedule.errors.js';
import { checkTimes, isRetimed, refused, refuseTickless } from './schedule-checks.js';
import { nextOf } from './schedule-ticks.js';
import { ticksAfter } from './schedule-times.js';
import { type ScheduleSettings, ScheduleStore } from './schedule.store.js';
import { type ScheduledOperation, ScheduledOperations, sinceOf } from './scheduled-operations.js';

/** A schedule as a caller describes it. */
export type ScheduleDescription = Pick<
  ScheduleEntity,
  'name' | 'cron' | 'everyS' | 'at' | 'timeZone' | 'missed' | 'overlap' | 'jitterS' | 'endsAt'
> & { readonly operation: ScheduledOperation };

/** Times that are told beforehand. */
const TOLD = 5;
/** Another change may come between the read and the write of one. */
const MAX_TRIES = 5;

/** What accounts can do with their schedules. Refusals are errors of `schedule.errors.ts` and `operation.errors.ts`. */
@Injectable()
export class SchedulesService {
  constructor(
    private readonly store: ScheduleStore,
    private readonly scheduled: ScheduledOperations,
    private readonly submissions: Submissions,
    private readonly config: AccountConfig,
  ) {}

  async create(accountId: string, description: ScheduleDescription): Promise<ScheduleEntity> {
    const made = await this.make(accountId, randomId('sch_'), description);
    if (!made) throw this.full();
    return made;
  }

  /** Makes the schedule of this id, or replaces all that a caller decides of the one that there is. */
  async put(accountId: string, id: string, description: ScheduleDescription): Promise<ScheduleEntity> {
    for (let tries = MAX_TRIES; tries > 0; tries--) {
      const there = await this.store.find(accountId, id);
      const put = there
        ? await this.replace(there, description)
        : await this.make(accountId, id, description);
      if (put) return put;
      if (!there && !(await this.store.find(accountId, id))) throw this.full();
    }
    throw refused('id', 'was changed by others meanwhile: try again');
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
      const changed = await this.replace(
        current,
        describe({ ...current, operation: this.scheduled.open(current) }),
      );
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
    return this.submissions.accept({ ...submission, idempotency, traceparent });
  }

  /** What it has submitted stays. */
  async remove(accountId: string, id: string): Promise<void> {
    if (!(await this.store.remove(accountId, id)))
      throw new ScheduleNotFoundError(`there is no schedule ${id.slice(0, 60)} in this account`);
  }

  /** Null where there is one of that id, or the account has all that it may have. */
  private async make(
    accountId: string,
    id: string,
    description: ScheduleDescription,
  ): Promise<ScheduleEntity | null> {
    const createdAt = new Date();
    const settings = await this.settings({ id, accountId, createdAt }, description);
    refuseTickless(settings);
    return this.store.create(accountId, id, createdAt, settings, this.config.schedulesPerAccount);
  }

  /** Null where it was changed by somebody else since it was read, or is gone. */
  private async replace(
    current: ScheduleEntity,
    description: ScheduleDescription,
  ): Promise<ScheduleEntity | null> {
    const settings = await this.settings(current, description);
    const retimed = isRetimed(current, settings);
    if (retimed) refuseTickless(settings);
    return this.store.change(current, settings, retimed);
  }

  private full(): ScheduleRefusedError {
    return refused('name', `this account has its ${this.config.schedulesPerAccount} schedules: delete one`);
  }

  /** What is stored of a description, once all of it would be accepted. */
  private async settings(
    row: Pick<ScheduleEntity, 'id' | 'accountId' | 'createdAt'>,
    { operation, ...times }: ScheduleDescription,
  ): Promise<ScheduleSettings> {
    const errors = checkTimes(times);
    if (errors.length > 0) throw new ScheduleRefusedError(errors);
    const { id, accountId, createdAt } = row;
    const { delayS: _, face = 'native', ...submitted } = operation;
    await this.check({
      ...submitted,
      accountId,
      face,
      runAt: null,
      traceparent: null,
      idempotency: null,
    });
    const next = nextOf({ ...times, createdAt }, id, new Date());
    const { name, cron, everyS, at, timeZone, missed, overlap, jitterS, endsAt } = times;
    return {
      ...{ name, cron, everyS, at, timeZone, missed, overlap, jitterS, endsAt },
      operation: this.scheduled.seal(operation, { id, accountId }),
      since: sinceOf(operation),
      ...next,
    };
  }

  /** Whether its operation would be accepted now. */
  private async check(submission: Submission): Promise<void> {
    try {
      const { completion } = await this.submissions.prepare(submission);
      if (completion !== null) throw withoutCompletion(submission.type);
    } catch (error) {
      if (!(error instanceof OperationRefusedError)) throw error;
      const errors = error.errors.map(({ path, message }) => ({ path: `operation.${path}`, message }));
      throw new OperationRefusedError(error.code, errors, error.retryAfterS);
    }
  }
}

/** Of a type whose operations are ended by whoever was told their address when they were submitted: nobody is. */
function withoutCompletion(type: string): OperationRefusedError {
  const message = `${type} can't be scheduled: nobody would be told its completion_url`;
  return new OperationRefusedError('invalid-request', [{ path: 'type', message }]);
}
