import { Injectable } from '@nestjs/common';
import { DispatchLoop } from '../../engine/dispatch-loop.js';
import { Lookout } from '../../engine/lookout.js';
import { StatsStore } from './stats.store.js';

/** What is not added up yet has to be counted by everybody who asks: so it is a minute's at the most. */
const EVERY_MS = 10_000;

/** Adds up what happened, a bounded step at a time; any number of processes may run one. */
@Injectable()
export class StatsLoop extends DispatchLoop {
  constructor(
    private readonly store: StatsStore,
    lookout: Lookout,
  ) {
    super('statistics', EVERY_MS, { lookout, due: StatsStore.due });
  }

  protected round(): Promise<boolean> {
    return this.store.addUp();
  }
}
