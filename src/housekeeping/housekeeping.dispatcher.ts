import { Injectable } from '@nestjs/common';
import { HousekeepingConfig } from '../config/config.js';
import { DispatchLoop } from '../engine/dispatch-loop.js';
import { HousekeepingHints } from '../engine/engine.module.js';
import { HousekeepingStore, LEASE_S } from './housekeeping.store.js';

/** Hints a worker to the housekeeping when it is due. */
@Injectable()
export class HousekeepingDispatcher extends DispatchLoop {
  constructor(
    private readonly store: HousekeepingStore,
    private readonly hints: HousekeepingHints,
    config: HousekeepingConfig,
  ) {
    // Looked at more often than it is due, so that it is not late by as much again.
    super('housekeeping', Math.min(config.everyS / 4, LEASE_S) * 1000);
  }

  protected async round(): Promise<boolean> {
    await this.hints.send(await this.store.dispatch());
    return false;
  }
}
