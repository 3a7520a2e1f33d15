import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../config/config.js';
import { DispatchLoop } from '../engine/dispatch-loop.js';
import { Lookout } from '../engine/lookout.js';
import { OperationDispatcher } from '../operations/run/operation.dispatcher.js';
import { ScheduleTicks, type Planned } from './schedule-ticks.js';
import { DUE_SCHEDULES, ScheduleStore } from './schedule.store.js';

/** Schedules that one step takes. */
const MOST = 250;

/** Submits what schedules have come due for; any number of processes may run one. */
@Injectable()
export class ScheduleLoop extends DispatchLoop {
  constructor(
    private readonly store: ScheduleStore,
    private readonly ticks: ScheduleTicks,
    private readonly dispatcher: OperationDispatcher,
    config: OperationConfig,
    lookout: Lookout,
  ) {
    super('schedules', config.pollMs, { lookout, due: DUE_SCHEDULES });
  }

  protected async round(): Promise<boolean> {
    let planned: Planned | undefined;
    let taken = 0;
    let accepted = 0;
    try {
      ({ taken, accepted } = await this.store.tick(MOST, async (due) => {
        planned = await this.ticks.plan(due);
        return planned.moves;
      }));
    } finally {
      planned?.settle(taken > 0);
    }
    if (accepted > 0) this.dispatcher.wake();
    return taken > 0;
  }
}
