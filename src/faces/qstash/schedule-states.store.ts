import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { GROUP_MESSAGE } from '../../messages/group-message.handler.js';
import { MESSAGE } from '../../messages/message.js';
import type { OperationState } from '../../operations/operation.state.js';
import type { ScheduleEntity } from '../../schedules/schedule.entity.js';

/** A message that the last tick of a schedule has made, or one to a URL group of which none could be made. */
export interface LastMessage {
  readonly schedule_id: string;
  readonly rid: string;
  readonly state: OperationState;
  /** Why none could be made. */
  readonly error: string | null;
}

/** Messages of a tick that are told of: those to one URL group, and one more. */
const MOST = 101;

/** Reads what has become of schedules' last ticks. */
@Injectable()
export class ScheduleStates {
  constructor(private readonly database: Database) {}

  /** Those of each schedule that has ticked, by one statement. What its tick submitted comes first, and messages to a URL group after. */
  of(schedules: readonly ScheduleEntity[]): Promise<LastMessage[]> {
    const ticked = schedules.filter(
      ({ lastOperation, lastTick }) => lastOperation !== null && lastTick !== null,
    );
    if (ticked.length === 0) return Promise.resolve([]);
    return this.database.query<LastMessage>(
      `SELECT s.id AS schedule_id, o.rid, o.state, CASE WHEN o.type = $5 THEN o.error_message END AS error
       FROM unnest($1::text[], $2::bigint[], $3::timestamptz[]) AS s (id, last, tick)
       CROSS JOIN LATERAL (
         SELECT v.rid, v.state, v.type, v.tick, v.error_message FROM operation_view v
         WHERE v.schedule_id = s.id AND v.request_id >= s.last ORDER BY v.request_id LIMIT ${MOST}
       ) o WHERE o.tick = s.tick AND (o.type = $4 OR o.type = $5 AND o.state = 'Failed')`,
      [
        ticked.map(({ id }) => id),
        ticked.map(({ lastOperation }) => lastOperation),
        ticked.map(({ lastTick }) => lastTick),
        ...[MESSAGE, GROUP_MESSAGE],
      ],
    );
  }
}
