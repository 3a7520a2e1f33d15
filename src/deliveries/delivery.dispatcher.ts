import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DeliveryConfig } from '../config/config.js';
import { DispatchLoop } from '../queues/dispatch-loop.js';
import { DeliveryHints } from '../queues/queues.module.js';
import { DeliveryStore } from './delivery.store.js';

/** Rows one round takes at the most. */
const MOST = 200;

/** Finds deliveries that are due and hints workers to them; the same for first attempts, retries and dead workers. */
@Injectable()
export class DeliveryDispatcher implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly loop: DispatchLoop;

  constructor(
    private readonly store: DeliveryStore,
    private readonly hints: DeliveryHints,
    config: DeliveryConfig,
  ) {
    this.loop = new DispatchLoop({ name: 'deliveries', pollMs: config.pollMs, round: () => this.round() });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.loop.stop();
  }

  /** Looks for due deliveries now. */
  wake(): void {
    this.loop.wake();
  }

  private async round(): Promise<boolean> {
    if (!this.hints.hasRoom) return false;
    const hints = await this.store.dispatch(MOST);
    await this.hints.send(hints);
    return hints.length >= MOST;
  }
}
