import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { BUSY_MS, DispatchLoop, watchMs } from '../../engine/dispatch-loop.js';
import { Lookout } from '../../engine/lookout.js';
import type { Place } from '../../engine/worker-pool.js';
import type { Claim } from '../run/claim.js';
import { OperationRunner } from '../run/operation-runner.js';
import { AwaitingStore, DUE_AWAITING } from './awaiting.store.js';
import { CompletionEnder } from './completion-ender.js';

/** Operations of each kind that one round takes at the most. */
const MOST = 100;

/**
 * Looks after operations that wait without a worker: goes on with those whose time has come, and ends those that nobody completed in
 * time, or whose completion somebody brought and then died. Nothing is asked of the rows of those that only wait.
 */
@Injectable()
export class AwaitingLoop extends DispatchLoop {
  /** The last round found as many as there were places for: there may be more. */
  private full = false;

  constructor(
    private readonly store: AwaitingStore,
    private readonly ender: CompletionEnder,
    private readonly runner: OperationRunner,
    config: OperationConfig,
    lookout: Lookout,
  ) {
    super('operations that wait', watchMs(config), { lookout, due: DUE_AWAITING });
  }

  /** What one process has no place for, another may have. */
  override get isOwn(): boolean {
    return this.restedMs < BUSY_MS;
  }

  protected async round(): Promise<boolean> {
    const [ended, resumed] = await Promise.all([this.endSome(), this.resumeSome()]);
    return ended || resumed;
  }

  private async endSome(): Promise<boolean> {
    const claims = await this.store.take('completion', MOST);
    // Together, so that they share their statements and commits.
    await Promise.all(claims.map((claim) => this.ender.end(claim)));
    return claims.length === MOST;
  }

  private async resumeSome(): Promise<boolean> {
    const places = this.places();
    const found = places.length;
    this.full = found < MOST;
    if (found === 0) return false;
    const claims = await this.store.take('poll', found).catch((error: unknown) => {
      for (const place of places) place.end();
      throw error;
    });
    for (const claim of claims) void this.resume(places.shift()!, claim);
    for (const place of places) place.end();
    this.full = claims.length === found;
    return claims.length === MOST;
  }

  private places(): Place[] {
    const places: Place[] = [];
    for (let place = this.runner.placeResumed(); place; place = this.runner.placeResumed()) {
      places.push(place);
      if (places.length === MOST) break;
    }
    return places;
  }

  private async resume(place: Place, claim: Claim): Promise<void> {
    await this.runner.resume(place, claim);
    if (this.full) this.wake();
  }
}
