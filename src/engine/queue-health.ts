import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { WorkQueue } from './work-queue.js';
import { QueueBackend } from './queue-backend.js';

/** How often the queue is looked at, ms: where it was last in trouble, and where it was fine. How often it is mended at the most. */
const LOOK_MS = 1_000;
const CALM_MS = 3_000;
const MAX_CALM_MS = 15_000;
const MEND_MS = 5_000;

/** Tells whether this process can use the queue, in the log too, and mends it where that can be done from here. */
@Injectable()
export class QueueHealth implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Queues');
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  /** What was last seen, and said: a trouble that lasts. */
  private seen: string | null = null;
  private said: string | null = null;
  private mendedAt = -Infinity;

  constructor(
    private readonly backend: QueueBackend,
    private readonly queues: readonly WorkQueue[],
  ) {}

  onApplicationBootstrap(): void {
    void this.lookOn();
  }

  onModuleDestroy(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** Null when hints go through every queue that this process serves, else what is wrong and the remedy. */
  async trouble(): Promise<string | null> {
    const trouble = await this.backend.trouble();
    if (trouble !== null) return trouble;
    const alive = await Promise.all(this.queues.map((queue) => queue.heartbeat.alive()));
    const dead = this.queues.find((_, place) => !alive[place]);
    if (dead === undefined) return null;
    const { fault } = dead.heartbeat;
    if (fault !== undefined) return this.backend.explain(fault);
    return `no hint goes through the queue "${dead.name}": resume it where it is paused, else restart this process`;
  }

  private async lookOn(): Promise<void> {
    await this.look().catch(() => undefined);
    if (this.stopped) return;
    const nextMs = this.seen === null ? this.backend.fleet.pause(CALM_MS, MAX_CALM_MS) : LOOK_MS;
    this.timer = setTimeout(() => void this.lookOn(), nextMs).unref();
  }

  private async look(): Promise<void> {
    const trouble = await this.trouble();
    if (trouble === null || trouble === this.seen) this.say(trouble);
    this.seen = trouble;
    if (trouble === null || performance.now() - this.mendedAt < MEND_MS) return;
    this.mendedAt = performance.now();
    await this.backend.mend();
  }

  /** Once per trouble, however often it is met. */
  private say(trouble: string | null): void {
    if (trouble === this.said) return;
    this.said = trouble;
    if (trouble === null) this.logger.log('hints go through the queue again');
    else this.logger.warn(`nothing is told to workers: ${trouble}`);
  }
}
