import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Cluster, Redis } from 'ioredis';
import { after } from './worker-pool.js';
import { QueueBackend } from './queue-backend.js';

/**
 * What may be told to other processes: an operation has ended; it is to be canceled; its history has grown; there is work for remote
 * workers (of a type); the declared types have changed; a job has gone through a queue; somebody waits for ends and histories.
 */
const TOPICS = ['ended', 'canceling', 'history', 'work', 'types', 'passed', 'wanted'] as const;
export type Topic = (typeof TOPICS)[number];
/** What is told only where another process wants it: it is most of what there is to tell, and each message wakes all of them. */
const WANTED: ReadonlySet<Topic> = new Set(['ended', 'history']);

/** What one message carries, by topic; `from` is the process that sent it. */
type Message = { readonly from: string } & Partial<Record<Topic, readonly string[]>>;

/** How often a process says that it wants them, and how long that holds, ms. */
const WANT_MS = 5_000;
const WANTED_MS = 15_000;
/** Least time between two messages of a process that tell of more than history: what is told meanwhile shares the next one. */
const GAP_MS = 10;
/** Ids one message carries at the most: PostgreSQL takes 8,000 bytes, and an id has at most 19 digits. */
const MAX_IDS = 300;
/** Ids that may wait for a message; beyond it, others find out by their own looks at the rows. */
const MAX_PENDING = 10_000;

/**
 * Tells other processes that a row is worth a look: `NOTIFY` on the PostgreSQL backend, pub/sub on Redis. A hint only: it may
 * be lost, doubled, or meant for another installation in the same database, so whoever hears it asks the rows.
 */
@Injectable()
export class WakeUps implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Wake-ups');
  private readonly self = randomUUID().slice(0, 8);
  private readonly listeners: Record<Topic, ((ids: readonly string[]) => void)[]> = {
    ended: [],
    canceling: [],
    history: [],
    work: [],
    types: [],
    passed: [],
    wanted: [],
  };
  private wantedUntil = -Infinity;
  private saidAt = -Infinity;
  private pending = new Map<string, readonly [Topic, string]>();
  private sending: Promise<void> | undefined;
  /** Cuts the gap short in which only history would wait. */
  private hurry: (() => void) | undefined;
  private redis: Redis | Cluster | undefined;
  private stopped = false;

  constructor(private readonly backend: QueueBackend) {}

  onApplicationBootstrap(): void {
    // Nobody waits for it: until it hears, the rows are looked at.
    const { listener, channel } = this.backend;
    if (listener) listener.on(channel, (text) => text !== null && this.heard(text));
    else this.subscribe();
  }

  /** Hears what other processes tell; never what this one told itself. */
  on(topic: Topic, listener: (ids: readonly string[]) => void): void {
    this.listeners[topic].push(listener);
  }

  /**
   * Says that somebody in this process waits for ends or histories; to be said again at least every 10 s as long as that is so. True
   * where it wasn't so before: what the others end in these milliseconds isn't told.
   */
  want(): boolean {
    const now = performance.now();
    const isNew = now - this.saidAt > WANTED_MS;
    if (now - this.saidAt > WANT_MS) {
      this.saidAt = now;
      this.tell('wanted', this.self);
    }
    return isNew;
  }

  /** Tells other processes, soon and at best, where they want to know; costs the caller nothing. */
  tell(topic: Topic, id: string): void {
    if (WANTED.has(topic) && performance.now() > this.wantedUntil) return;
    // History, of which there is most, never keeps an end from being told.
    const most = topic === 'history' ? MAX_PENDING : 2 * MAX_PENDING;
    if (this.stopped || this.pending.size >= most) return;
    this.pending.set(`${topic} ${id}`, [topic, id]);
    this.sending ??= this.send();
    if (topic !== 'history') this.hurry?.();
  }

  onApplicationShutdown(): void {
    this.stopped = true;
    this.redis?.disconnect();
  }

  private async send(): Promise<void> {
    await new Promise(setImmediate);
    while (this.pending.size > 0 && !this.stopped) {
      const batch = [...this.pending].slice(0, MAX_IDS);
      for (const [key] of batch) this.pending.delete(key);
      const ids = (topic: Topic): string[] =>
        batch.filter(([, [of]]) => of === topic).map(([, [, id]]) => id);
      const message: Message = {
        from: this.self,
        ...Object.fromEntries(TOPICS.map((topic) => [topic, ids(topic)])),
      };
      await Promise.race([
        this.backend.publish(JSON.stringify(message)).catch((error: unknown) => {
          this.logger.debug(`a wake-up was not sent: ${String(error)}`);
        }),
        after(500),
      ]);
      await this.gap(batch.every(([, [topic]]) => topic === 'history'));
    }
    this.sending = undefined;
  }

  /** An operation tells its last progress right before its end, which must not wait behind it: somebody may be waiting for it. */
  private async gap(mayBeCut: boolean): Promise<void> {
    if (mayBeCut && [...this.pending.values()].some(([topic]) => topic !== 'history')) return;
    const cut = new Promise<void>((resolve) => (this.hurry = mayBeCut ? resolve : undefined));
    await Promise.race([after(GAP_MS), cut]);
    this.hurry = undefined;
  }

  private heard(text: string): void {
    let message: Message;
    try {
      message = JSON.parse(text) as Message;
    } catch {
      return;
    }
    if (message.from === this.self) return;
    if (message.wanted?.length) this.wantedUntil = performance.now() + WANTED_MS;
    for (const topic of TOPICS) {
      const ids = message[topic];
      if (ids === undefined || ids.length === 0) continue;
      for (const listener of this.listeners[topic]) listener(ids);
    }
  }

  private subscribe(): void {
    this.redis = this.backend.subscriber();
    this.redis.on('error', (error: Error) => this.logger.debug(`Redis: ${error.message}`));
    this.redis.on('message', (_channel: string, text: string) => this.heard(text));
    // The client subscribes again by itself after an outage.
    this.redis
      .subscribe(this.backend.channel)
      .catch((error: Error) => this.logger.debug(`no wake-ups are heard: ${error.message}`));
  }
}
