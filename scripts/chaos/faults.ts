import { setTimeout as pause } from 'node:timers/promises';
import type { Door } from './door.js';
import type { Mood } from './receivers.js';
import type { RingbackProcess } from './ringback-process.js';
import { type Fault, PROCESS_NAMES, type ProcessName } from './schedule.js';
import type { Stage } from './stage.js';

const READY_MS = 30_000;

/** A moment after which something had to recover. */
export interface Recovery {
  readonly from: 'PostgreSQL is back' | 'a process was killed';
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The process that was killed; 0 for none. */
  readonly pid: number;
}

/** Lets the scheduled faults happen. */
export class Faults {
  /** Those that came to pass, in order. */
  readonly done: Fault[] = [];
  readonly recoveries: Recovery[] = [];
  /** By what a fault is about: two faults of one thing follow each other. */
  private readonly busy = new Map<string, Promise<unknown>>();
  private readonly stop = new AbortController();

  constructor(private readonly stage: Stage) {}

  /** Resolves once all are over. */
  async run(faults: readonly Fault[]): Promise<void> {
    const startedAt = performance.now();
    await Promise.all(
      faults.map(async (fault) => {
        const { signal } = this.stop;
        await pause(Math.max(0, startedAt + fault.atS * 1000 - performance.now()), undefined, {
          signal,
        }).catch(() => undefined);
        if (signal.aborted) return;
        await this.alone(subjectOf(fault), async () => {
          if (signal.aborted) return;
          this.done.push(fault);
          say(startedAt, `${fault.kind} ${fault.target}`);
          await this.happen(fault);
          say(startedAt, `${fault.kind} ${fault.target} is over`);
        });
      }),
    );
  }

  /** No further one begins. */
  end(): void {
    this.stop.abort();
  }

  private alone<Result>(subject: string, act: () => Promise<Result>): Promise<Result> {
    const before = this.busy.get(subject) ?? Promise.resolve();
    const mine = before.then(act);
    this.busy.set(
      subject,
      mine.catch(() => undefined),
    );
    return mine;
  }

  private async happen({ kind, target, forS }: Fault): Promise<void> {
    const over = (): Promise<void> => pause(forS * 1000);
    switch (kind) {
      case 'kill':
        return this.kill(this.process(target), over);
      case 'freeze': {
        const process = this.process(target);
        process.freeze();
        await over();
        return process.resume();
      }
      case 'rolling-restart':
        return this.rollingRestart();
      case 'queue-emptied':
        return this.emptyQueue();
      case 'postgres-stop':
      case 'postgres-outage':
        return this.stopPostgres(over);
      case 'redis-kill':
        return this.stopRedis(over);
      case 'postgres-refused':
        return refuse(this.process(target).place.postgres, over);
      case 'redis-refused':
        return refuse(this.process(target).place.redis!, over);
      case 'postgres-reset':
        return this.process(target).place.postgres.reset();
      case 'redis-reset':
        return this.process(target).place.redis!.reset();
      case 'postgres-held':
        return hold(this.process(target).place.postgres, over);
      case 'redis-held':
        return hold(this.process(target).place.redis!, over);
      case 'postgres-silent':
        return this.process(target).place.postgres.silence();
      case 'redis-silent':
        return this.process(target).place.redis!.silence();
      case 'receiver-down':
        return refuse(this.receiver(target).door, over);
      case 'receiver-hang':
        return this.mood(target, 'hangs', over);
      case 'receiver-500':
        return this.mood(target, 'fails', over);
      default:
        return kind satisfies never;
    }
  }

  private async kill(process: RingbackProcess, over: () => Promise<void>): Promise<void> {
    const at = Date.now();
    this.recoveries.push({ from: 'a process was killed', at, pid: await process.kill() });
    await over();
    process.start();
  }

  private async rollingRestart(): Promise<void> {
    for (const name of PROCESS_NAMES) {
      await this.alone(name, async () => {
        const process = this.stage.process(name);
        await process.terminate();
        process.start();
        await process.readyWithin(READY_MS);
      });
    }
  }

  private async emptyQueue(): Promise<void> {
    if (this.stage.redis) return this.stage.redis.flush();
    // PostgreSQL may be away: then there is nothing to empty.
    await this.stage.postgres.rows('TRUNCATE bullmq.job CASCADE').catch(() => undefined);
  }

  private async stopPostgres(over: () => Promise<void>): Promise<void> {
    await this.stage.postgres.crash();
    await over();
    await this.stage.postgres.restart();
    for (const { place } of this.stage.processes.values()) place.postgres.target = this.stage.postgres.port;
    this.recoveries.push({ from: 'PostgreSQL is back', at: Date.now(), pid: 0 });
  }

  private async stopRedis(over: () => Promise<void>): Promise<void> {
    const redis = this.stage.redis!;
    await redis.kill();
    await over();
    await redis.restart();
    for (const { place } of this.stage.processes.values()) place.redis!.target = redis.port;
  }

  private async mood(target: string, mood: Mood, over: () => Promise<void>): Promise<void> {
    const receiver = this.receiver(target);
    receiver.mood = mood;
    await over();
    receiver.mood = 'takes';
  }

  private process(target: string): RingbackProcess {
    return this.stage.process(target as ProcessName);
  }

  private receiver(target: string) {
    return this.stage.receivers[Number(target.split('-')[1])]!;
  }
}

/** What a fault is about: a process itself, and each way from it, may fail at the same time. */
function subjectOf({ kind, target }: Fault): string {
  return /^(postgres|redis)-(refused|reset|held|silent)$/.test(kind)
    ? `${kind.split('-')[0]} of ${target}`
    : target;
}

async function refuse(door: Door, over: () => Promise<void>): Promise<void> {
  await door.refuse();
  await over();
  await door.open();
}

async function hold(door: Door, over: () => Promise<void>): Promise<void> {
  door.hold();
  await over();
  door.release();
}

/** What happens while it does: the log of a process tells nothing of why. */
function say(startedAt: number, what: string): void {
  console.error(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(7)} s  ${what}`);
}
