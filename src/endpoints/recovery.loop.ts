import { Injectable } from '@nestjs/common';
import { DeliveryConfig } from '../config/config.js';
import { DeliveryDispatcher } from '../deliveries/delivery.dispatcher.js';
import { DispatchLoop } from '../queues/dispatch-loop.js';
import { Lookout } from '../queues/lookout.js';
import { DUE_RECOVERIES, EndpointStore } from './endpoint.store.js';

/** Takes recoveries forward, a bounded step at a time; any number of processes may run one. */
@Injectable()
export class RecoveryLoop extends DispatchLoop {
  constructor(
    private readonly store: EndpointStore,
    private readonly dispatcher: DeliveryDispatcher,
    config: DeliveryConfig,
    lookout: Lookout,
  ) {
    super('recoveries', config.pollMs * 2, { lookout, due: DUE_RECOVERIES });
  }

  protected async round(): Promise<boolean> {
    const stepped = await this.store.stepRecovery();
    if (stepped) this.dispatcher.wake();
    return stepped;
  }
}
