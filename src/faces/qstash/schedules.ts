import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { randomId } from '../../database/random-id.js';
import { Problem } from '../../http/problem.js';
import { GROUP_MESSAGE } from '../../messages/group-message.handler.js';
import { MESSAGE } from '../../messages/message.js';
import { workOf } from '../../messages/message-submission.js';
import type { ScheduleEntity } from '../../schedules/schedule.entity.js';
import { ScheduleNotFoundError, ScheduleRefusedError } from '../../schedules/schedule.errors.js';
import { ScheduleStore } from '../../schedules/schedule.store.js';
import { SchedulesService } from '../../schedules/schedules.service.js';
import { Destinations } from './destinations.js';
import { Lanes } from './lanes.js';
import { nameOf } from './json-body.js';
import type { Fields } from './fields.js';
import { readPublication } from './publication.js';
import { type Given, messageOf, type PublishedBy } from './publisher.js';
import { refused } from './refusal.js';
import { type QstashScheduleResponse, scheduleResponse } from './schedule.response.js';
import { ScheduleStates } from './schedule-states.store.js';

/** Schedules that are read at once. */
const PAGE = 1_000;
/** Seconds would be its sixth field, and a year its seventh. */
const CRON = /^(?:(?:CRON_)?TZ=(\S+)\s+)?(\S+(?:\s+\S+)*)$/;

/** What accounts can do with schedules in QStash's way: they are native ones, whose callers name them. */
@Injectable()
export class QstashSchedules {
  constructor(
    private readonly schedules: SchedulesService,
    private readonly store: ScheduleStore,
    private readonly destinations: Destinations,
    private readonly states: ScheduleStates,
    private readonly lanes: Lanes,
  ) {}

  /** Makes a schedule, or replaces the one of that id. */
  async create(by: PublishedBy, given: Omit<Given, 'queue'>): Promise<ScheduleEntity> {
    const { fields, destination, body } = given;
    const publication = readPublication(fields);
    if (publication.notBefore !== null)
      throw refused('Upstash-Not-Before', 'goes with no schedule: its cron says when');
    const queueName = fields.get('upstash-queue-name');
    const queue = queueName === undefined ? null : nameOf(queueName, 'Upstash-Queue-Name');
    const named = fields.get('upstash-schedule-id');
    const scheduleId = named === undefined ? randomId('scd_') : nameOf(named, 'Upstash-Schedule-Id');
    const { isGroup, targets } = await this.destinations.of(by.accountId, destination);
    this.lanes.check(queue, publication);
    const target = isGroup ? { url: '', topicName: destination, endpointName: null } : targets[0]!;
    const message = { ...messageOf(by.ip, publication, target, { body, queue }), scheduleId };
    const { delayS } = publication;
    const put = await this.put(by.accountId, scheduleId, {
      ...{ ...timesOf(fields), name: scheduleId, everyS: null, at: null },
      ...{ missed: 'once', overlap: 'allow', jitterS: 0, endsAt: null },
      operation: {
        ...workOf(message, isGroup ? GROUP_MESSAGE : MESSAGE),
        ...(delayS === null ? {} : { delayS }),
      },
    });
    await this.lanes.open(by.accountId, queue);
    return put;
  }

  async read(accountId: string, scheduleId: string, whole: boolean): Promise<QstashScheduleResponse> {
    const [shown] = await this.shown([await this.find(accountId, scheduleId)], whole);
    // It may have been given something else to submit.
    if (shown) return shown;
    throw notFound(scheduleId);
  }

  /** Those that were made in this way. */
  async list(accountId: string, whole: boolean): Promise<QstashScheduleResponse[]> {
    const all: QstashScheduleResponse[] = [];
    for (let after = ''; ;) {
      const page = await this.store.list(accountId, after, PAGE);
      all.push(...(await this.shown(page, whole)));
      if (page.length < PAGE) return all;
      after = page.at(-1)!.id;
    }
  }

  /** Its row's id; null where there was none: it may be repeated. */
  async remove(accountId: string, scheduleId: string): Promise<string | null> {
    const id = rowId(accountId, scheduleId);
    return (await this.store.remove(accountId, id)) ? id : null;
  }

  async pause(accountId: string, scheduleId: string): Promise<ScheduleEntity> {
    const { id } = await this.find(accountId, scheduleId);
    return this.schedules.pause(accountId, id);
  }

  async resume(accountId: string, scheduleId: string): Promise<ScheduleEntity> {
    const { id } = await this.find(accountId, scheduleId);
    return this.schedules.resume(accountId, id);
  }

  private async put(...[accountId, scheduleId, description]: PutArguments): Promise<ScheduleEntity> {
    try {
      return await this.schedules.put(accountId, rowId(accountId, scheduleId), description);
    } catch (error) {
      if (!(error instanceof ScheduleRefusedError)) throw error;
      const [{ path, message }] = error.errors as [{ path: string; message: string }];
      // Of the account, not of the request.
      if (path === 'name') throw new Problem(412, 'too-many', message);
      throw refused('Upstash-Cron', path === 'time_zone' ? `names a zone that ${message}` : message);
    }
  }

  private async find(accountId: string, scheduleId: string): Promise<ScheduleEntity> {
    const schedule = await this.store.find(accountId, rowId(accountId, scheduleId));
    if (schedule) return schedule;
    throw notFound(scheduleId);
  }

  private async shown(
    schedules: readonly ScheduleEntity[],
    whole: boolean,
  ): Promise<QstashScheduleResponse[]> {
    const last = Map.groupBy(await this.states.of(schedules), ({ schedule_id }) => schedule_id);
    return schedules.flatMap((schedule) => {
      const operation = this.schedules.operationOf(schedule);
      return operation.face === 'qstash'
        ? [scheduleResponse(schedule, operation, last.get(schedule.id) ?? [], whole)]
        : [];
    });
  }
}

function notFound(scheduleId: string): ScheduleNotFoundError {
  return new ScheduleNotFoundError(`there is no schedule ${scheduleId.slice(0, 100)} in this account`);
}

type PutArguments = Parameters<SchedulesService['put']>;

/** Callers name schedules within their account, rows are named within all: the id of a row follows from both. */
function rowId(accountId: string, scheduleId: string): string {
  const digest = createHash('sha256').update(`${accountId} ${scheduleId}`).digest('hex');
  return `sch_${digest.slice(0, 32)}`;
}

/** `CRON_TZ=Europe/Paris 0 3 * * *`. */
function timesOf(fields: Fields): { cron: string; timeZone: string } {
  const found = CRON.exec(fields.get('upstash-cron')?.trim() ?? '');
  if (!found)
    throw refused('Upstash-Cron', 'must be given, such as */5 * * * * or CRON_TZ=Europe/Paris 0 3 * * *');
  const [, timeZone = 'UTC', cron = ''] = found;
  return { cron: cron.replaceAll(/\s+/g, ' '), timeZone };
}
