import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { after } from '../../engine/worker-pool.js';
import { WakeUps } from '../../engine/wake-ups.js';
import { OperationWaits } from '../read/operation-waits.js';
import { FeedOrder } from './feed-order.js';
import { type FeedEntry, FeedStore } from './feed.store.js';

/** How often the last place is looked at, for what no wake-up tells; and where a place without a row holds others up. */
const POLL_MS = 500;
const HELD_UP_MS = 50;
/** Between two looks at the least: what comes meanwhile shares the next. */
const GAP_MS = 100;
/** For how long the first listener waits for places that have no row yet. */
const MAX_START_MS = 1_000;
/** Places that one reading takes. */
const MAX_READ = 2_000;
/** Entries that are kept in memory, for listeners that come back or are slow. */
const MAX_KEPT = 4_000;
/** Places that a listener may be behind: who was away for longer reads the lists. */
export const MAX_BEHIND = 100_000;

/** What a listener is given: entries of its account, and up to which place that is all. */
export interface FeedPage {
  readonly entries: readonly FeedEntry[];
  readonly position: number;
}

export interface FeedBeginning {
  readonly position: number;
  /** False where what came after the place that was named is not told any more. */
  readonly isAfterNamed: boolean;
}

/**
 * What happens, as it happens, for all listeners of this process by one reading of the rows. Nobody reads while nobody listens, and
 * while nothing happens one number is looked at.
 */
@Injectable()
export class Feed implements OnModuleDestroy {
  private readonly logger = new Logger('Feed');
  private listeners = 0;
  private order: FeedOrder | undefined;
  /** The last entries, and the place after which they are all. */
  private kept: FeedEntry[] = [];
  private keptAfter = 0;
  private started: Promise<void> | undefined;
  private reading: Promise<void> | undefined;
  private wakeReader: (() => void) | undefined;
  private readonly waiting = new Set<() => void>();
  private stopped = false;

  constructor(
    private readonly store: FeedStore,
    waits: OperationWaits,
    private readonly wakeUps: WakeUps,
  ) {
    waits.onEnded(() => this.wakeReader?.());
    wakeUps.on('ended', () => this.wakeReader?.());
  }

  /** Reads for one listener more, until `signal` fires. */
  listen(signal: AbortSignal): void {
    if (signal.aborted || this.stopped) return;
    this.listeners++;
    this.reading ??= this.readOn();
    signal.addEventListener(
      'abort',
      () => {
        if (--this.listeners === 0) this.wakeReader?.();
      },
      { once: true },
    );
  }

  /** Where who listens from now on begins: after `named`, unless that is too far behind, or no place of this feed. */
  async begin(named: number | undefined): Promise<FeedBeginning> {
    if (!this.order) await this.started;
    const position = this.order?.position ?? (await this.store.last());
    if (named === undefined) return { position, isAfterNamed: true };
    // Another process may be ahead of this one.
    const isAfterNamed =
      named >= position - MAX_BEHIND && (named <= position || named <= (await this.store.last()));
    return { position: isAfterNamed ? named : position, isAfterNamed };
  }

  /** What has been told after a place, a bounded part of it. */
  async after(place: number, accountId: string | null): Promise<FeedPage> {
    const position = this.order?.position ?? place;
    if (place >= this.keptAfter) {
      const entries = this.kept.slice(this.kept.findLastIndex(({ id }) => id <= place) + 1);
      return {
        entries: entries.filter((entry) => isOf(entry, accountId)),
        position: Math.max(place, position),
      };
    }
    const upTo = Math.min(place + MAX_READ, position);
    const { entries } = await this.store.read(place, upTo, accountId);
    return { entries, position: upTo };
  }

  /** Whether this process is shutting down. */
  get closing(): boolean {
    return this.stopped;
  }

  /** Resolves when more may have been told, after `ms`, or when the listener has gone; to be called before `after`. */
  growth(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done, { once: true });
      this.waiting.add(done);
    });
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    this.wakeReader?.();
    for (const done of [...this.waiting]) done();
    await this.reading;
  }

  private async readOn(): Promise<void> {
    this.started = this.start();
    // Whoever waits for it is told; the looks go on.
    await this.started.catch(() => undefined);
    while (this.listeners > 0 && !this.stopped) {
      const woken = new Promise<void>((resolve) => (this.wakeReader = resolve));
      let pauseMs = POLL_MS;
      try {
        pauseMs = await this.look();
      } catch (error) {
        // An outage: listeners wait on.
        this.logger.debug(`the feed could not be read: ${String(error)}`);
      }
      await Promise.race([after(pauseMs), after(Math.min(GAP_MS, pauseMs)).then(() => woken)]);
    }
    this.wakeReader = this.order = this.reading = undefined;
    this.kept = [];
    this.keptAfter = 0;
  }

  /** So far that who comes now is told nothing that was there before. */
  private async start(): Promise<void> {
    const until = performance.now() + MAX_START_MS;
    while ((await this.look()) <= HELD_UP_MS && performance.now() < until) await after(HELD_UP_MS);
  }

  /** Reads what is new, and answers how long to wait until the next look, ms. */
  private async look(): Promise<number> {
    this.wakeUps.want();
    const last = await this.store.last();
    if (!this.order) this.keptAfter = Math.max(0, last - MAX_READ);
    // Of those before the first listener some may still be without their rows.
    const order = this.order ?? new FeedOrder(this.keptAfter);
    const from = order.position;
    const upTo = Math.min(last, from + MAX_READ);
    if (upTo > from) {
      this.keep(order.settle(await this.store.read(from, upTo, null), upTo, performance.now()));
      if (order.position > from) for (const done of [...this.waiting]) done();
    }
    this.order = order;
    if (order.doubts(upTo)) order.bound(upTo, await this.store.newTransaction(), performance.now());
    if (order.position < upTo) return HELD_UP_MS;
    return upTo < last ? 0 : POLL_MS;
  }

  private keep(entries: readonly FeedEntry[]): void {
    this.kept.push(...entries);
    const dropped = this.kept.splice(0, Math.max(0, this.kept.length - MAX_KEPT)).at(-1);
    if (dropped) this.keptAfter = dropped.id;
  }
}

function isOf(entry: FeedEntry, accountId: string | null): boolean {
  return accountId === null || entry.accountId === accountId;
}
