import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HousekeepingConfig } from '../config/config.js';
import { DispatchLoop } from '../queues/dispatch-loop.js';
import { HousekeepingHints } from '../queues/queues.module.js';
import { HousekeepingStore } from './housekeeping.store.js';

/** Hints a worker to the housekeeping when it is due. */
@Injectable()
export class HousekeepingDispatcher implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly loop: DispatchLoop;

  constructor(
    private readonly store: HousekeepingStore,
    private readonly hints: HousekeepingHints,
    config: HousekeepingConfig,
  ) {
    this.loop = new DispatchLoop({
      name: 'housekeeping',
      pollMs: config.everyS * 1000,
      round: () => this.round(),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.loop.stop();
  }

  /** Looks now whether it is due. */
  wake(): void {
    this.loop.wake();
  }

  private async round(): Promise<boolean> {
    await this.hints.send(await this.store.dispatch());
    return false;
  }
}
