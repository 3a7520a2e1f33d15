import { Injectable } from '@nestjs/common';
import type { Submission } from '../operations/accept/submission.js';
import { SecretBox, type SecretPlace } from '../signing/secret-box.js';
import type { ScheduleEntity } from './schedule.entity.js';

/** What a schedule submits at each tick. */
export type ScheduledOperation = Pick<
  Submission,
  'type' | 'input' | 'callback' | 'correlation' | 'priority' | 'timeoutS' | 'retention' | 'ackByPoll' | 'flow'
> &
  // Not given: the native one.
  Partial<Pick<Submission, 'face'>> & {
    /** Seconds from a tick to the start of its operation; not given: none. */
    readonly delayS?: number;
  };

/** What this build knows of scheduled operations, as `since` in the table says it. */
export const KNOWN = 1;

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
  at(tick: Date, schedule: ScheduleEntity): Submission {
    const { id, accountId } = schedule;
    const { delayS = 0, face = 'native', ...operation } = this.open(schedule);
    const starts = tick.getTime() + delayS * 1000;
    return {
      ...operation,
      accountId,
      face,
      // Of a tick that an outage has held up it may lie in the past.
      runAt: starts > Date.now() && delayS > 0 ? new Date(starts) : null,
      traceparent: null,
      schedule: { id, tick },
      idempotency: { key: `part schedule ${id} ${tick.toISOString()}`, body: '' },
    };
  }
}

/** From which `KNOWN` on a process submits all of it: 0.1.0 would leave flow keys and delays out, and refuse other faces' types. */
export function sinceOf({ flow, delayS = 0, face = 'native' }: ScheduledOperation): number {
  return flow || delayS > 0 || face !== 'native' ? 1 : 0;
}

function placeOf({ id, accountId }: Row): SecretPlace {
  return { account: accountId, row: id, column: 'scheduled_operation' };
}
