import { Worker } from 'node:worker_threads';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { DatabaseConfig } from '../config/config.js';

/** How leases of one table are renewed. */
export interface LeaseKind {
  /** Renews those that are still ours: `$1` ids, `$2` their lease tokens, `$3` seconds. */
  readonly renew: string;
  readonly leaseS: number;
}

/** A lease that this process holds. */
export interface HeldLease {
  readonly id: string;
  readonly token: string;
  /** What the warning calls its work, where that may be what blocks: which of several it was, nobody sees. */
  readonly name?: string;
  /** Work that is blocked for longer than this hangs, and is left to others. */
  readonly forS: number;
}

/** What the thread is told, in this order: a lease is held or, with its token only, no longer. */
export type LeaseChange = (HeldLease & { readonly kind: number }) | { readonly token: string };

/** What the thread starts with. */
export interface LeaseThreadData {
  readonly url: string;
  readonly kinds: readonly LeaseKind[];
  /** Counts up as long as the event loop turns. */
  readonly pulse: Int32Array;
  readonly pulseMs: number;
}

/** What the thread tells: it is told so when the event loop turns again. */
export interface Blocked {
  readonly ms: number;
  /** Of the leases that were held. */
  readonly names: readonly string[];
  /** Why leases were not renewed, the last time that they were not. */
  readonly fault: string | undefined;
}

/** Pulses within the shortest lease: two that are missed are a blocked event loop, early enough to renew what it holds. */
const PULSES = 12;

/**
 * Keeps the leases of this process while its event loop is blocked, as by a long computation in a handler: a thread with a
 * connection of its own renews them then. A process that is frozen or dead has no such thread: its leases run out.
 */
@Injectable()
export class LeaseKeeper implements OnApplicationShutdown {
  private readonly logger = new Logger('Leases');
  private readonly kinds: LeaseKind[] = [];
  private readonly pulse = new Int32Array(new SharedArrayBuffer(4));
  private changes: LeaseChange[] = [];
  private flushing = false;
  private thread: Worker | undefined;
  private pulsing: NodeJS.Timeout | undefined;
  /** After a fault of the thread itself: work goes on as it would without. */
  private over = false;

  constructor(private readonly database: DatabaseConfig) {}

  /** Leases of a table; to be asked for before any is held. */
  of(kind: LeaseKind): KeptLeases {
    const index = this.kinds.push(kind) - 1;
    return {
      hold: (lease) => {
        this.changes.push({ ...lease, kind: index });
        this.flushSoon();
      },
      // Told with what is held next, or at the next pulse: who renews a lease that is gone finds no row.
      drop: (token) => {
        if (!this.over) this.changes.push({ token });
      },
    };
  }

  async onApplicationShutdown(): Promise<void> {
    this.over = true;
    clearInterval(this.pulsing);
    await this.thread?.terminate();
  }

  /** Claims that came together are told together, before any of their handlers begins. */
  private flushSoon(): void {
    if (this.flushing) return;
    this.flushing = true;
    queueMicrotask(() => {
      this.flushing = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.changes.length === 0) return;
    const changes = this.changes;
    this.changes = [];
    if (!this.over) (this.thread ??= this.start()).postMessage(changes);
  }

  /** Lazily: many processes never run anything. */
  private start(): Worker {
    const pulseMs = (Math.min(...this.kinds.map(({ leaseS }) => leaseS)) * 1000) / PULSES;
    const workerData: LeaseThreadData = {
      url: this.database.url,
      kinds: this.kinds,
      pulse: this.pulse,
      pulseMs,
    };
    const thread = new Worker(new URL('./lease-keeper.thread.js', import.meta.url), {
      workerData,
      name: 'leases',
    });
    thread.unref();
    thread.on('message', (blocked: Blocked) => this.warn(blocked));
    thread.on('error', (error) => {
      this.over = true;
      clearInterval(this.pulsing);
      this.logger.warn(`leases are no longer kept while the event loop is blocked: ${String(error)}`);
    });
    this.pulsing = setInterval(() => {
      Atomics.add(this.pulse, 0, 1);
      this.flush();
    }, pulseMs).unref();
    return thread;
  }

  private warn({ ms, names, fault }: Blocked): void {
    this.logger.warn({
      msg: 'the event loop was blocked: do long computations in pieces or in a worker thread',
      blocked_s: Math.round(ms / 100) / 10,
      types: names,
      ...(fault === undefined ? {} : { leases_not_kept: fault }),
    });
  }
}

/** Tells of the leases of one table that this process holds. */
export interface KeptLeases {
  hold(lease: HeldLease): void;
  drop(token: string): void;
}
