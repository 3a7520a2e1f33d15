import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { DispatchLoop } from '../../engine/dispatch-loop.js';
import { Lookout } from '../../engine/lookout.js';
import { WakeUps } from '../../engine/wake-ups.js';
import { OperationWaits } from '../read/operation-waits.js';
import type { Claim } from '../run/claim.js';
import { DUE_WORK } from '../run/due-operations.js';
import { WorkOffers, signOf } from './work-offers.js';
import { type WorkAsk, WorkStore } from './work.store.js';

/** Asks that one statement serves: as many as hang on to a process, but for a run on it. */
const MOST = 1_000;

/** Between two looks at the least that ends ask for, ms. */
const FREED_MS = 10;

/** An ask that hasn't been answered. */
interface Waiting {
  readonly ask: WorkAsk;
  readonly signs: ReadonlySet<string>;
  /** From when on it is answered, also with nothing. */
  readonly until: number;
  readonly gone: AbortSignal;
  readonly answer: (claims: readonly Claim[]) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Serves the claims of remote workers, those of this process together: at once, and while they wait whenever something is
 * offered or, where they wait for a slot, an operation ends. Nothing is asked of the rows while nothing is offered.
 */
@Injectable()
export class WorkClaims extends DispatchLoop {
  private waiting: Waiting[] = [];
  private heldUp = false;
  private freed: NodeJS.Timeout | undefined;
  private closing = false;

  constructor(
    private readonly store: WorkStore,
    private readonly waits: OperationWaits,
    offers: WorkOffers,
    private readonly wakeUps: WakeUps,
    config: OperationConfig,
    lookout: Lookout,
  ) {
    super('work', config.pollMs, { lookout, due: DUE_WORK });
    offers.on((sign) => {
      if (this.waiting.some(({ signs }) => signs.has(sign))) this.wake();
    });
    waits.onEnded(() => this.slotFreed());
    wakeUps.on('ended', () => this.slotFreed());
  }

  /** Where nobody waits, a look has nothing to look for. */
  override get due(): string {
    return this.waiting.length === 0 ? 'false' : super.due;
  }

  /** Those who wait here are served by this process. */
  override get isOwn(): boolean {
    return this.waiting.length > 0;
  }

  /** Leases operations to a worker: at least one, or nothing after `waitMs`, or when it has `gone`, or this process ends. */
  claim(ask: WorkAsk, waitMs: number, gone: AbortSignal): Promise<readonly Claim[]> {
    if (this.closing || gone.aborted) return Promise.resolve([]);
    return new Promise((answer, fail) => {
      const signs = new Set(ask.types.map(signOf));
      const waiting = { ask, signs, until: performance.now() + waitMs, gone, answer, fail };
      const timer = waitMs > 0 ? setTimeout(() => this.wake(), waitMs + 1).unref() : undefined;
      gone.addEventListener(
        'abort',
        () => {
          clearTimeout(timer);
          if (this.drop([waiting])) answer([]);
        },
        { once: true },
      );
      this.waiting.push(waiting);
      this.wake();
    });
  }

  /** A slot may have become free. */
  slotFreed(): void {
    if (!this.heldUp || this.closing) return;
    // Ends that come together share a look: each one takes the lock that accepts try.
    this.freed ??= setTimeout(() => {
      this.freed = undefined;
      this.wake();
    }, FREED_MS).unref();
  }

  override async onModuleDestroy(): Promise<void> {
    this.closing = true;
    clearTimeout(this.freed);
    await super.onModuleDestroy();
    for (const { answer } of this.waiting.splice(0)) answer([]);
  }

  protected async round(): Promise<boolean> {
    const served = this.waiting.slice(0, MOST);
    if (served.length === 0) return false;
    try {
      const got = await this.store.claim(served.map(({ ask }) => ask));
      this.heldUp = got.some(({ heldUp }) => heldUp);
      if (this.heldUp) this.wakeUps.want();
      served.forEach((waiting, nth) => this.serve(waiting, got[nth]!.claims));
    } catch (error) {
      const now = performance.now();
      const over = served.filter(({ until }) => until <= now);
      for (const waiting of over) if (this.drop([waiting])) waiting.fail(error);
      throw error;
    }
    return false;
  }

  private serve(waiting: Waiting, claims: readonly Claim[]): void {
    if (claims.length === 0) {
      if (waiting.until <= performance.now() && this.drop([waiting])) waiting.answer([]);
      return;
    }
    for (const { operation } of claims) this.waits.grew(operation.requestId);
    if (this.drop([waiting])) waiting.answer(claims);
    else this.giveBack(claims);
  }

  /** Leases whose worker has gone before it heard of them. */
  giveBack(claims: readonly Claim[]): void {
    for (const { operation, leaseToken } of claims) {
      const lease = { requestId: operation.requestId, leaseToken };
      this.store
        .release(lease, 'The worker had gone before it began; waiting for another')
        .then(() => this.wake())
        .catch((error: unknown) => this.logger.debug(`a lease was not given back: ${String(error)}`));
    }
  }

  /** Whether they waited until now. */
  private drop(waiting: readonly Waiting[]): boolean {
    const before = this.waiting.length;
    this.waiting = this.waiting.filter((one) => !waiting.includes(one));
    return this.waiting.length < before;
  }
}
