import { Agent } from 'node:http';
import {
  createPostgresBackend,
  createRedisBackend,
  Queue,
  type QueueOptions,
  runMigrations,
  setDefaultBackendFactory,
  Worker,
} from 'bullmq';
import got from 'got';
import { Redis } from 'ioredis';
import pg from 'pg';
import { now } from './figures.js';
import type { CeilingAnswer, ToCeiling } from './messages.js';
import { answer } from './processes.js';

const SCHEMA = 'bullmq_bench';
/** The size of an ordinary callback. */
const BODY = JSON.stringify({ type: 'operation.finished', data: { text: 'x'.repeat(700) } });

answer<ToCeiling>((question) => (question.ask === 'got' ? bareGot(question) : bareBullmq(question)));

/** POSTs by got and nothing else, to the bench's own receiver. */
async function bareGot({ ports, count, concurrency }: ToCeiling & { ask: 'got' }): Promise<CeilingAnswer> {
  const agent = new Agent({ keepAlive: true });
  const client = got.extend({
    agent: { http: agent },
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: BODY,
    retry: { limit: 0 },
    timeout: { request: 15_000 },
  });
  const post = async (number: number): Promise<void> => {
    await client(`http://127.0.0.1:${ports[number % ports.length]}/bare`);
  };
  await inParallel(Math.ceil(count / 5), concurrency, post);
  const perSecond = await inParallel(count, concurrency, post);
  agent.destroy();
  return { perSecond };
}

/** Jobs that do nothing, added one by one and processed at the same time. */
async function bareBullmq(question: ToCeiling & { ask: 'bullmq' }): Promise<CeilingAnswer> {
  const { backend, count, concurrency } = question;
  const { connection, close } = backend === 'redis' ? redis(question.url) : await postgres(question.url);
  const queue = new Queue('bench', {
    connection,
    prefix: '{ringback-bench}',
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
  });
  let processed = 0;
  let done: (() => void) | undefined;
  const worker = new Worker(
    'bench',
    () => {
      if (++processed === count) done!();
      return Promise.resolve();
    },
    { connection, prefix: '{ringback-bench}', concurrency },
  );
  queue.on('error', complain);
  worker.on('error', complain);
  const all = new Promise<void>((resolve) => (done = resolve));
  const startedAt = now();
  await Promise.all([all, inParallel(count, concurrency, async (n) => void (await queue.add('job', { n })))]);
  const perSecond = count / ((now() - startedAt) / 1000);
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
  await close();
  return { perSecond };
}

function complain(error: Error): void {
  console.error(error.message);
}

interface Connected {
  readonly connection: QueueOptions['connection'];
  readonly close: () => Promise<void>;
}

function redis(url: string): Connected {
  setDefaultBackendFactory(createRedisBackend);
  const client = new Redis(url, { maxRetriesPerRequest: null });
  return {
    connection: client as unknown as QueueOptions['connection'],
    close: async () => void (await client.quit()),
  };
}

async function postgres(url: string): Promise<Connected> {
  setDefaultBackendFactory(createPostgresBackend);
  const options = `-c search_path=${SCHEMA} -c synchronous_commit=off`;
  const pool = new pg.Pool({ connectionString: url, max: 20, options });
  pool.setMaxListeners(0);
  const client = await pool.connect();
  await runMigrations(client, SCHEMA);
  client.release();
  return {
    connection: pool as unknown as QueueOptions['connection'],
    close: async () => {
      await pool.query(`DROP SCHEMA ${SCHEMA} CASCADE`);
      await pool.end();
    },
  };
}

async function inParallel(
  count: number,
  lanes: number,
  work: (number: number) => Promise<void>,
): Promise<number> {
  let left = count;
  const startedAt = now();
  const lane = async (): Promise<void> => {
    while (left > 0) await work(left--);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return count / ((now() - startedAt) / 1000);
}
