import { Injectable } from '@nestjs/common';
import { DeliveryConfig } from '../config/config.js';
import { DeliveryDispatcher } from '../deliveries/delivery.dispatcher.js';
import { DispatchLoop } from '../engine/dispatch-loop.js';
import { Lookout } from '../engine/lookout.js';
import { DUE_RECOVERIES, RecoveryStore } from './recovery.store.js';

/** Takes recoveries forward, a bounded step at a time; any number of processes may run one. */
@Injectable()
export class RecoveryLoop extends DispatchLoop {
  constructor(
    private readonly store: RecoveryStore,
    private readonly dispatcher: DeliveryDispatcher,
    config: DeliveryConfig,
    lookout: Lookout,
  ) {
    super('recoveries', config.pollMs * 2, { lookout, due: DUE_RECOVERIES });
  }

  protected async round(): Promise<boolean> {
    const { looked, running } = await this.store.step();
    if (looked > 0) this.dispatcher.wake();
    else if (running > 0) await this.store.finish();
    return looked > 0;
  }
}
