import { Injectable } from '@nestjs/common';
import { DeliveryConfig } from '../config/config.js';
import { DispatchLoop, watchMs } from '../engine/dispatch-loop.js';
import { Lookout } from '../engine/lookout.js';
import { DeliveryHints } from '../engine/engine.module.js';
import { DUE_DELIVERIES } from './due-deliveries.js';
import { DeliveryStore } from './delivery.store.js';

/** Rows one round takes at the most. */
const MOST = 200;

/** Finds deliveries that are due and hints workers to them; the same for first attempts, retries and dead workers. */
@Injectable()
export class DeliveryDispatcher extends DispatchLoop {
  private readonly listeners: (() => void)[] = [];

  constructor(
    private readonly store: DeliveryStore,
    private readonly hints: DeliveryHints,
    config: DeliveryConfig,
    lookout: Lookout,
  ) {
    super('deliveries', watchMs(config), { lookout, due: DUE_DELIVERIES });
    store.onWaiting(() => this.wake());
  }

  /** Hears whenever deliveries may have become due: those that wait for a consumer aren't dispatched. */
  onWake(listener: () => void): void {
    this.listeners.push(listener);
  }

  override wake(): void {
    for (const listener of this.listeners) listener();
    super.wake();
  }

  protected async round(): Promise<boolean | 'refused'> {
    const queue = await this.hints.look();
    if (queue === 'away' || queue === 'full') return false;
    const hints = await this.store.dispatch(MOST);
    if (hints === null) return 'refused';
    await this.hints.send(hints);
    return hints.length >= MOST;
  }
}
