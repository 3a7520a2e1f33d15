import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { DeliveryDispatcher } from '../../deliveries/delivery.dispatcher.js';
import { WakeUps } from '../../engine/wake-ups.js';
import { PullStore } from './pull.store.js';

/** How often the endpoints of waiting consumers are looked at, for what nobody tells: a retry that is due, another process's tests. */
const RECHECK_MS = 1_000;
/** Between two looks at the least: what comes meanwhile shares the next. */
const GAP_MS = 10;

/** A consumer that waits. */
export interface PullWait {
  /** Resolves when there may be something to pull, after `ms`, or when the consumer has gone. */
  within(ms: number): Promise<void>;
  leave(): void;
}

/**
 * Lets consumers wait for deliveries of their endpoints. All of a process share one look at the rows: made when this process makes
 * deliveries due, when another one ends operations, and once a second. Nobody looks while nobody waits.
 */
@Injectable()
export class PullWaits implements OnModuleDestroy {
  private readonly waiting = new Map<string, Set<() => void>>();
  private timer: NodeJS.Timeout | undefined;
  private lookAt = Infinity;
  private looking = false;
  private again = false;
  private stopped = false;

  constructor(
    private readonly store: PullStore,
    private readonly wakeUps: WakeUps,
    dispatcher: DeliveryDispatcher,
  ) {
    wakeUps.on('ended', () => this.soon(GAP_MS));
    dispatcher.onWake(() => this.soon(GAP_MS));
  }

  /** Enlists a consumer, before it looks for itself: what comes right after its look is not missed. */
  enlist(endpointId: string, signal: AbortSignal): PullWait {
    const all = this.waiting.get(endpointId) ?? new Set();
    let isWoken = this.stopped || signal.aborted;
    let end = (): void => undefined;
    const wake = (): void => {
      isWoken = true;
      end();
    };
    this.waiting.set(endpointId, all.add(wake));
    signal.addEventListener('abort', wake, { once: true });
    this.wakeUps.want();
    this.soon(RECHECK_MS);
    const leave = (): void => {
      signal.removeEventListener('abort', wake);
      all.delete(wake);
      if (all.size === 0 && this.waiting.get(endpointId) === all) this.waiting.delete(endpointId);
    };
    const within = async (ms: number): Promise<void> => {
      if (!isWoken) {
        await new Promise<void>((resolve) => {
          const late = setTimeout(resolve, ms);
          end = () => {
            clearTimeout(late);
            resolve();
          };
        });
      }
      leave();
    };
    return { within, leave };
  }

  /** Whether this process is shutting down. */
  get closing(): boolean {
    return this.stopped;
  }

  /** Looks for the consumers that wait, because something was held again. */
  wake(): void {
    this.soon(GAP_MS);
  }

  onModuleDestroy(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.wakeAll([...this.waiting.keys()]);
  }

  /** A look in `ms`, or when one is due before. */
  private soon(ms: number): void {
    if (this.stopped || this.waiting.size === 0) return;
    if (this.looking) {
      this.again ||= ms === GAP_MS;
      return;
    }
    const at = performance.now() + ms;
    if (at >= this.lookAt) return;
    clearTimeout(this.timer);
    this.lookAt = at;
    this.timer = setTimeout(() => void this.look(), ms);
  }

  private async look(): Promise<void> {
    this.lookAt = Infinity;
    this.looking = true;
    this.again = false;
    this.wakeUps.want();
    try {
      this.wakeAll(await this.store.due([...this.waiting.keys()]));
    } catch {
      // An outage: consumers wait on, until their time is up.
    }
    this.looking = false;
    this.soon(this.again ? GAP_MS : RECHECK_MS);
  }

  private wakeAll(endpointIds: readonly string[]): void {
    for (const id of endpointIds) for (const wake of [...(this.waiting.get(id) ?? [])]) wake();
  }
}
