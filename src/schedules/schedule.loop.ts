import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../config/config.js';
import { DispatchLoop } from '../engine/dispatch-loop.js';
import { Lookout } from '../engine/lookout.js';
import { OperationDispatcher } from '../operations/run/operation.dispatcher.js';
import { ScheduleTicks, type Planned } from './schedule-ticks.js';
import { DUE_SCHEDULES, ScheduleStore } from './schedule.store.js';

/** Schedules that one step takes. */
const MOST = 250;
/** Steps at once where many are due: one is planned here while PostgreSQL has the other. */
const AT_ONCE = 2;

/** Submits what schedules have come due for; any number of processes may run one. */
@Injectable()
export class ScheduleLoop extends DispatchLoop {
  private wasFull = false;

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
    const steps = this.wasFull ? AT_ONCE : 1;
    const ended = await Promise.allSettled(Array.from({ length: steps }, () => this.step()));
    const taken = ended.map((step) => {
      if (step.status === 'rejected') throw step.reason;
      return step.value;
    });
    this.wasFull = taken.every((count) => count === MOST);
    return taken.some((count) => count > 0);
  }

  /** Answers how many schedules it took. */
  private async step(): Promise<number> {
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
    return taken;
  }
}
