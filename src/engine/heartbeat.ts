import { randomBytes } from 'node:crypto';
import type { IQueueBackend, Queue } from 'bullmq';
import type { Fleet } from './fleet.js';
import { after } from './worker-pool.js';
import { answeredAt } from './patient-backend.js';
import type { WakeUps } from './wake-ups.js';

/**
 * A queue is beaten where nothing has gone through it for so long, and looked at so often, ms. A beat that waits for a worker's
 * next look, 5 s at the most, still comes before it is late.
 */
const BEAT_MS = 8_000;
const LOOK_MS = 1_000;
/** A queue through which nothing has gone for so long is of no use now, ms: a beat may wait for a worker's next look. */
const LATE_MS = 15_000;
/** Of many processes the first whose beat is due lets the others know; beats of two are as far apart on average, as far as that goes. */
const APART_MS = 60;
const MAX_APART_MS = 3_000;
/** Others are told at the most so often that a job goes through, ms. */
const TELL_MS = BEAT_MS / 2;
/** How long the first beat of a process is waited for by whoever asks. */
const FIRST_MS = 1_500;

/**
 * Sees jobs go through a queue that this process serves: where none comes by, it sends an empty one. What a worker says of
 * itself proves nothing, `isRunning()` least of all. Of many processes one beats: the others hear that its beat has gone through, and
 * see to it only that their own worker asks.
 */
export class Heartbeat {
  private backend: IQueueBackend | undefined;
  private timer: NodeJS.Timeout | undefined;
  private passedAt = -Infinity;
  private inHand = 0;
  /** The beat that is on its way. */
  private beat: string | undefined;
  private looking = false;
  /** How much later than need be this process beats. */
  private laterMs = 0;
  private toldAt = -Infinity;
  /** What others are told by: those of other installations on the same database have queues of the same names. */
  private readonly sign: string;
  private readonly first = Promise.withResolvers<void>();
  /** Why the last beat couldn't be sent or looked for. */
  fault: unknown;

  constructor(
    private readonly queue: Queue,
    private readonly prefix: string,
    private readonly wakeUps: WakeUps,
    private readonly fleet: Fleet,
  ) {
    this.sign = `${queue.opts.prefix} ${prefix}`;
    wakeUps.on('passed', (signs) => signs.includes(this.sign) && this.heard());
  }

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
    this.tell();
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
    this.laterMs = Math.random() * Math.min(APART_MS * (this.fleet.workers - 1), MAX_APART_MS);
    this.fault = undefined;
    this.first.resolve();
  }

  private tell(): void {
    if (this.fleet.workers === 1 || performance.now() - this.toldAt < TELL_MS) return;
    this.toldAt = performance.now();
    this.wakeUps.tell('passed', this.sign);
  }

  private heard(): void {
    this.toldAt = performance.now();
    if (this.asks) this.pass();
  }

  private get asks(): boolean {
    return this.backend !== undefined && performance.now() - answeredAt(this.backend) < LATE_MS;
  }

  private async look(): Promise<void> {
    if (this.looking || this.inHand > 0 || performance.now() - this.passedAt < BEAT_MS + this.laterMs) return;
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
    if (this.asks) this.pass();
  }
}
