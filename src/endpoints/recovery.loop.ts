import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DeliveryConfig } from '../config/config.js';
import { DeliveryDispatcher } from '../deliveries/delivery.dispatcher.js';
import { DispatchLoop } from '../queues/dispatch-loop.js';
import { EndpointStore } from './endpoint.store.js';

/** Takes recoveries forward, a bounded step at a time; any number of processes may run one. */
@Injectable()
export class RecoveryLoop implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: DispatchLoop;

  constructor(
    private readonly store: EndpointStore,
    private readonly dispatcher: DeliveryDispatcher,
    config: DeliveryConfig,
  ) {
    this.loop = new DispatchLoop({
      name: 'recoveries',
      pollMs: config.pollMs * 2,
      round: () => this.round(),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.stop();
  }

  wake(): void {
    this.loop.wake();
  }

  private async round(): Promise<boolean> {
    const stepped = await this.store.stepRecovery();
    if (stepped) this.dispatcher.wake();
    return stepped;
  }
}
