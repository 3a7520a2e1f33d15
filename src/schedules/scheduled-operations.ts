import { Injectable } from '@nestjs/common';
import type { Submission } from '../operations/operations.service.js';
import { SecretBox, type SecretPlace } from '../signing/secret-box.js';
import type { ScheduleEntity } from './schedule.entity.js';

/** What a schedule submits at each tick. */
export type ScheduledOperation = Pick<
  Submission,
  'type' | 'input' | 'callback' | 'correlation' | 'priority' | 'timeoutS' | 'retention' | 'ackByPoll' | 'flow'
>;

type Row = Pick<ScheduleEntity, 'id' | 'accountId'>;

/** Operations as schedules keep them: whole, and sealed, since headers and inputs may be secret. */
@Injectable()
export class ScheduledOperations {
  constructor(private readonly box: SecretBox) {}

  seal(operation: ScheduledOperation, row: Row): string {
    return this.box.seal(JSON.stringify(operation), placeOf(row));
  }

  open(schedule: Row & Pick<ScheduleEntity, 'operation'>): ScheduledOperation {
    return JSON.parse(this.box.open(schedule.operation, placeOf(schedule))) as ScheduledOperation;
  }

  /** What is submitted for a tick. Its key says which one: it is accepted once, whoever asks how often. */
  at(tick: Date, schedule: ScheduleEntity, face: Submission['face'] = 'native'): Submission {
    const { id, accountId } = schedule;
    return {
      ...this.open(schedule),
      accountId,
      face,
      runAt: null,
      traceparent: null,
      schedule: { id, tick },
      idempotency: { key: `part schedule ${id} ${tick.toISOString()}`, body: '' },
    };
  }
}

function placeOf({ id, accountId }: Row): SecretPlace {
  return { account: accountId, row: id, column: 'scheduled_operation' };
}
