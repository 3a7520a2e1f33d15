import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { BUSY_MS, DispatchLoop } from '../../engine/dispatch-loop.js';
import { Lookout } from '../../engine/lookout.js';
import type { Place } from '../../engine/worker-pool.js';
import { AcceptStore } from '../accept/accept.store.js';
import { DispatchStore } from './dispatch.store.js';
import { DUE_APART } from './due-operations.js';
import { OperationRunner } from './operation-runner.js';

/** Those that one look finds at the most. */
const MOST = 10;

/**
 * Runs operations that run apart. They are few, and wait for nothing that the queue's hints may wait behind: so workers look for
 * them, and the claim decides whose each is.
 */
@Injectable()
export class ApartLoop extends DispatchLoop {
  constructor(
    private readonly store: DispatchStore,
    private readonly runner: OperationRunner,
    accepts: AcceptStore,
    config: OperationConfig,
    lookout: Lookout,
  ) {
    super('operations apart', config.pollMs, { lookout, due: DUE_APART });
    accepts.onApart(() => this.wake());
  }

  /** What one process has no place for, another may have. */
  override get isOwn(): boolean {
    return this.restedMs < BUSY_MS;
  }

  protected async round(): Promise<boolean> {
    const first = this.runner.placeApart();
    if (!first) return false;
    const hints = await this.store.findApart(MOST).catch((error: unknown) => {
      first.end();
      throw error;
    });
    let place: Place | null = first;
    for (const hint of hints) {
      if (!place) break;
      this.runner.runApart(place, hint);
      place = this.runner.placeApart();
    }
    place?.end();
    return false;
  }
}
