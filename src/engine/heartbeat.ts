import { randomBytes } from 'node:crypto';
import type { IQueueBackend, Queue } from 'bullmq';
import { after } from './worker-pool.js';
import { answeredAt } from './patient-backend.js';

/**
 * A queue is beaten where nothing has gone through it for so long, and looked at so often, ms. A beat that waits for a worker's
 * next look, 5 s at the most, still comes before it is late.
 */
const BEAT_MS = 8_000;
const LOOK_MS = 1_000;
/** A queue through which nothing has gone for so long is of no use now, ms: a beat may wait for a worker's next look. */
const LATE_MS = 15_000;
/** How long the first beat of a process is waited for by whoever asks. */
const FIRST_MS = 1_500;

/**
 * Sees jobs go through a queue that this process serves: where none comes by, it sends an empty one. What a worker says of
 * itself proves nothing, `isRunning()` least of all.
 */
export class Heartbeat {
  private backend: IQueueBackend | undefined;
  private timer: NodeJS.Timeout | undefined;
  private passedAt = -Infinity;
  private inHand = 0;
  /** The beat that is on its way. */
  private beat: string | undefined;
  private looking = false;
  private readonly first = Promise.withResolvers<void>();
  /** Why the last beat couldn't be sent or looked for. */
  fault: unknown;

  constructor(
    private readonly queue: Queue,
    private readonly prefix: string,
  ) {}

  /** Watches the queue, which a worker on this backend serves. */
  start(backend: IQueueBackend): void {
    this.backend = backend;
    this.timer = setInterval(() => void this.look(), LOOK_MS).unref();
    void this.look();
  }

  stop(): void {
    clearInterval(this.timer);
    this.backend = undefined;
  }

  /** Follows a job that this process has taken from the queue. */
  async during(jobId: string | undefined, work: Promise<void>): Promise<void> {
    if (jobId === this.beat) this.beat = undefined;
    this.inHand++;
    this.pass();
    try {
      await work;
    } finally {
      this.inHand--;
      this.pass();
    }
  }

  /** False where nothing goes through a queue that this process serves. */
  async alive(): Promise<boolean> {
    if (this.backend === undefined) return true;
    if (this.passedAt === -Infinity) await Promise.race([this.first.promise, after(FIRST_MS)]);
    // A worker whose places are all taken takes nothing, and needs to.
    return this.inHand > 0 || performance.now() - this.passedAt < LATE_MS;
  }

  private pass(): void {
    this.passedAt = performance.now();
    this.fault = undefined;
    this.first.resolve();
  }

  private async look(): Promise<void> {
    if (this.looking || this.inHand > 0 || performance.now() - this.passedAt < BEAT_MS) return;
    this.looking = true;
    try {
      if (this.beat === undefined) await this.send();
      else if ((await this.queue.getJob(this.beat)) === undefined) this.taken();
    } catch (error) {
      this.fault = error;
    } finally {
      this.looking = false;
    }
  }

  private async send(): Promise<void> {
    const jobId = `${this.prefix}-beat-${randomBytes(6).toString('hex')}`;
    await this.queue.add(this.prefix, [], { jobId, lifo: true });
    this.beat = jobId;
  }

  /** By this process's worker or another's; then this one's must at least be asking. */
  private taken(): void {
    this.beat = undefined;
    if (this.backend && performance.now() - answeredAt(this.backend) < LATE_MS) this.pass();
  }
}
