import {
  type BackendFactory,
  createRedisBackend,
  type IQueueBackend,
  PostgresConnection,
  PostgresQueueBackend,
} from 'bullmq';
import type pg from 'pg';
import type { Fleet } from './fleet.js';
import { JobBell } from './job-bell.js';
import type { PostgresListener } from './postgres-listener.js';
import { after } from './worker-pool.js';

type AnyFactory = BackendFactory<any, any>;

/** How long a worker that couldn't ask its queue waits before it asks again, ms: by how often it has failed in a row. */
const PAUSES_MS = [250, 500, 750];

/** BullMQ's PostgreSQL backend, of queues and workers that outlive whatever becomes of their connections. */
export function postgresBackend(
  pool: pg.Pool,
  suffix: string,
  listener: PostgresListener,
  fleet: Fleet,
): AnyFactory {
  return (name, options, { withBlockingConnection = false } = {}) => {
    const queue = `${name}${suffix}`;
    const backend = new PatientBackend(new ReadyConnection(pool), queue, options);
    if (!withBlockingConnection) return backend;
    backend.bell = new JobBell(queue, listener, fleet);
    return paced(backend);
  };
}

/** BullMQ's Redis backend, likewise. */
export const redisBackend: AnyFactory = (name, options, kind) => {
  const backend = createRedisBackend(name, options, kind);
  return kind?.withBlockingConnection === true ? paced(backend) : backend;
};

/**
 * BullMQ looks at the schema over its first connection and keeps the outcome for ever, also that the connection failed. The boot
 * has made the schema by then, so there is nothing to look at: each statement finds out by itself what it can do.
 */
class ReadyConnection extends PostgresConnection {
  override waitUntilReady(): Promise<void> {
    return Promise.resolve();
  }
}

/** What BullMQ asks for delays and limits of the rate, of which Ringback's queues have none: its commands, and their answers. */
const NEVER: Readonly<Record<string, object>> = {
  next_signal: { rate_limit_ttl: null, next_delay: null },
  next_delay: { next_delay: null },
};

type Run = (command: string, parameters: unknown[]) => Promise<{ rows: object[] }>;

/** What BullMQ keeps to itself. */
interface Inside {
  run: Run;
  closing: unknown;
  blockingDisconnected: boolean;
  cancelWait: (() => void) | undefined;
}

class PatientBackend extends PostgresQueueBackend {
  /** Of a worker's. */
  bell: JobBell | undefined;

  constructor(...given: ConstructorParameters<typeof PostgresQueueBackend>) {
    super(...given);
    this.neverAsk();
  }

  /** Resolves when there is a job, or nobody waits for one any more. */
  override async waitForJob(): Promise<{ member: string; score: number } | null> {
    const inside = this as unknown as Inside;
    const over = new AbortController();
    inside.cancelWait = () => over.abort();
    const ended = new Promise<null>((resolve) => over.signal.addEventListener('abort', () => resolve(null)));
    try {
      return await Promise.race([ended, this.jobBy(over.signal)]);
    } finally {
      over.abort();
      inside.cancelWait = undefined;
    }
  }

  /** The next job comes with the end of this one only where it is this worker's turn again. */
  override moveToCompleted(
    ...given: Parameters<PostgresQueueBackend['moveToCompleted']>
  ): ReturnType<PostgresQueueBackend['moveToCompleted']> {
    const [job, value, remove, token, fetchNext] = given;
    if (!fetchNext || (this.bell?.owedMs ?? 0) > 0)
      return super.moveToCompleted(job, value, remove, token, false);
    return this.looking(
      () => super.moveToCompleted(job, value, remove, token, true),
      ({ result }) => result,
    );
  }

  override async moveToActive(
    ...given: Parameters<PostgresQueueBackend['moveToActive']>
  ): ReturnType<PostgresQueueBackend['moveToActive']> {
    const ms = this.bell?.owedMs ?? 0;
    if (ms > 0) await after(ms);
    return this.looking(
      () => super.moveToActive(...given),
      (job) => job,
    );
  }

  /** Asks for a job, if there is one. What is told from here on isn't in the answer. */
  private async looking<Answer>(
    ask: () => Promise<Answer>,
    jobOf: (answer: Answer) => readonly unknown[] | void,
  ): Promise<Answer> {
    this.bell?.looks();
    try {
      const answer = await ask();
      if (jobOf(answer)?.[0]) this.bell?.leaves();
      return answer;
    } catch (error) {
      this.bell?.leaves();
      throw error;
    }
  }

  private async jobBy(over: AbortSignal): Promise<{ member: string; score: number } | null> {
    const bell = this.bell!;
    const inside = this as unknown as Inside;
    for (;;) {
      await bell.next(over);
      if (over.aborted || inside.closing || inside.blockingDisconnected) return null;
      if (bell.hasNews || (await this.hasJob())) return { member: this.queueName, score: 0 };
    }
  }

  /** Whether there is a job of which nobody was told: behind some poolers nobody hears of any. */
  private async hasJob(): Promise<boolean> {
    const { rows } = await (this as unknown as Inside).run('has_waiting_job', [this.queueName]);
    answered.set(this, performance.now());
    return (rows[0] as { present: boolean }).present;
  }

  /** Two statements of a worker that finds no job, and an idle one does nothing else. */
  private neverAsk(): void {
    const backend = this as unknown as { run: Run };
    const run = backend.run.bind(this);
    backend.run = async (command, parameters) => {
      const answer = NEVER[command];
      return answer === undefined ? run(command, parameters) : { rows: [answer] };
    };
  }
}

const answered = new WeakMap<IQueueBackend, number>();

/** When a worker last had an answer of its queue, by `performance.now()`. */
export function answeredAt(backend: IQueueBackend): number {
  return answered.get(backend) ?? -Infinity;
}

/** Tells a worker's queue that a job with so many hints was taken, so that others have their turn. */
export function tookOf(backend: IQueueBackend, hints: number): void {
  // A heartbeat is no work.
  if (hints > 0 && backend instanceof PatientBackend) backend.bell?.took(hints);
}

/** BullMQ's worker asks again at once after most errors: without a pause it would do nothing else. */
function paced<Backend extends IQueueBackend>(backend: Backend): Backend {
  const heard = (): void => void answered.set(backend, performance.now());
  backend.moveToActive = pausing(backend.moveToActive.bind(backend), heard);
  backend.waitForJob = pausing(backend.waitForJob.bind(backend), heard);
  return backend;
}

function pausing<Given extends unknown[], Answer>(
  ask: (...given: Given) => Promise<Answer>,
  heard: () => void,
): (...given: Given) => Promise<Answer> {
  let failures = 0;
  return async (...given) => {
    try {
      const answer = await ask(...given);
      failures = 0;
      heard();
      return answer;
    } catch (error) {
      await after(PAUSES_MS[Math.min(failures++, PAUSES_MS.length - 1)]!);
      throw error;
    }
  };
}
