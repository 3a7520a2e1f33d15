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
    return super.moveToCompleted(job, value, remove, token, fetchNext && (this.bell?.owedMs ?? 0) === 0);
  }

  override async moveToActive(
    ...given: Parameters<PostgresQueueBackend['moveToActive']>
  ): ReturnType<PostgresQueueBackend['moveToActive']> {
    const ms = this.bell?.owedMs ?? 0;
    if (ms > 0) await after(ms);
    return super.moveToActive(...given);
  }

  private async jobBy(over: AbortSignal): Promise<{ member: string; score: number } | null> {
    const { queueName } = this;
    const inside = this as unknown as Inside;
    while (!over.aborted && !inside.closing && !inside.blockingDisconnected) {
      // Before the look: what is added after it is told.
      const ring = this.bell!.next(over);
      const { rows } = await inside.run('has_waiting_job', [queueName]);
      answered.set(this, performance.now());
      if ((rows[0] as { present: boolean }).present) return { member: queueName, score: 0 };
      await ring;
    }
    return null;
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
