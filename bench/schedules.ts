import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { cpuOver, idleShare } from './cost.js';
import { copySchedules } from './many-schedules.js';
import type { BenchOptions } from './options.js';
import type { Leftovers } from './processes.js';
import { heading, idleCpu } from './report.js';
import { type BenchedService, startService, stopService } from './service.js';
import { othersSeconds } from './usage.js';

/** What a start and a fill leave behind is done by then, ms. */
const SETTLE_MS = 60_000;
/** Until all are due, seconds. */
const SOON_S = 3;
const LOOK_MS = 500;

/** What schedules cost while none is due, and how soon each has its operation begun where all are due at one time; prints a table. */
export async function benchSchedules(options: BenchOptions, leftovers: Leftovers): Promise<void> {
  const count = options.schedules!;
  console.log(`${heading(options)}\n`);
  const keys = `k1:${randomBytes(32).toString('base64')}`;
  const service = await startService(options, leftovers, {
    settings: {
      RINGBACK_SECRET_KEYS: keys,
      RINGBACK_SLOTS: '100000',
      RINGBACK_SCHEDULES_PER_ACCOUNT: '1000000',
    },
  });
  const client = new pg.Client({
    connectionString: service.postgres.url,
    application_name: 'ringback-bench',
  });
  await client.connect();
  try {
    await pause(SETTLE_MS);
    const none = await idleShare(service.pid);
    const sample = await makeOne(service);
    await copySchedules(service.postgres.url, keys, sample, count - 1);
    await client.query('VACUUM ANALYZE schedule');
    await pause(SETTLE_MS);
    const many = await idleShare(service.pid);
    const others = othersSeconds();
    const startedAt = performance.now();
    await client.query(
      `UPDATE schedule SET next_tick = t.at, due_at = t.at FROM (SELECT date_trunc('second', clock_timestamp()) + make_interval(secs => $1) AS at) t`,
      [SOON_S + count / 20_000],
    );
    const due = await client.query<{ at: Date }>('SELECT max(due_at) AS at FROM schedule');
    const cpu = await cpuOver(service.pid, async () => {
      while ((await startedIn(client)) < count) await pause(LOOK_MS);
    });
    const { submittedS, begunS } = await lateness(client, due.rows[0]!.at);
    const spentS = (performance.now() - startedAt) / 1000;
    const lines = [
      ['idle CPU, of one core, service + PostgreSQL: without schedules', idleCpu(none)],
      [`the same with ${count} schedules ahead`, idleCpu(many)],
      ['all due at one time: the last one submitted after', `**${submittedS.toFixed(1)} s**`],
      ['the last operation begun after', `**${begunS.toFixed(1)} s**`],
      [
        'CPU for it, service + PostgreSQL: what two cores do in half of their sum',
        cpu ? `${cpu.service.toFixed(1)} + ${cpu.postgres.toFixed(1)} s` : 'n/a without /proc',
      ],
      [
        'cores kept busy by others meanwhile',
        (((othersSeconds() ?? NaN) - (others ?? NaN)) / spentS).toFixed(2),
      ],
    ];
    console.log(
      ['| figure | value |', '|---|---|', ...lines.map(([figure, value]) => `| ${figure} | ${value} |`)].join(
        '\n',
      ),
    );
  } finally {
    await client.end();
    await stopService(service, leftovers);
  }
}

async function makeOne({ url, key }: BenchedService): Promise<string> {
  const response = await fetch(`${url}/v1/schedules`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      name: 'bench',
      every_s: 86_400,
      operation: { type: 'echo', input: { hello: 'world' } },
    }),
  });
  if (!response.ok) throw new Error(`the schedule was refused: ${await response.text()}`);
  return ((await response.json()) as { id: string }).id;
}

/** Operations of schedules that have begun, or ended. */
async function startedIn(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `SELECT (SELECT count(*) FROM operation WHERE schedule_id IS NOT NULL)::integer
       - (SELECT count(*) FROM live_operation WHERE started_at IS NULL)::integer AS count`,
  );
  return rows[0]!.count;
}

/** How long after its time the last operation was submitted, and begun. */
async function lateness(client: pg.Client, dueAt: Date): Promise<{ submittedS: number; begunS: number }> {
  const { rows } = await client.query<{ submitted: number; begun: number }>(
    `SELECT extract(epoch FROM max(o.created_at) - $1)::float8 AS submitted,
       extract(epoch FROM greatest(max(e.started_at), max(l.started_at)) - $1)::float8 AS begun
     FROM operation o LEFT JOIN operation_end e USING (request_id) LEFT JOIN live_operation l USING (request_id)
     WHERE o.schedule_id IS NOT NULL`,
    [dueAt],
  );
  return { submittedS: rows[0]!.submitted, begunS: rows[0]!.begun };
}
