import { readFileSync } from 'node:fs';
import { Queue } from 'bullmq';
import pg from 'pg';
import { dataSourceOptions } from '../ormconfig.js';
import { connect } from '../src/database/connection.js';
import type { Queryable } from '../src/database/database.js';
import { EmbeddedPostgres } from '../src/embedded-postgres/embedded-postgres.js';
import type { Hint } from '../src/engine/hint.js';
import type { WorkQueue } from '../src/engine/work-queue.js';
import { QueueBackend } from '../src/engine/queue-backend.js';
import { DELIVERIES, type Kind, MOST, OPERATIONS, type Scenario } from './dispatch-scenarios.js';
import { spreadOf } from './figures.js';
import type { Leftovers } from './processes.js';

const WARMUP = 10;
const ROUNDS = 100;

/** A scenario's database, the session that dispatches on it, and what its rounds took, milliseconds. */
interface Course {
  readonly scenario: Scenario;
  readonly dispatcher: pg.Client;
  /** Puts back what was dispatched: what that costs isn't the dispatcher's. */
  readonly other: pg.Client;
  readonly pid: number;
  readonly backend: QueueBackend;
  readonly hints: WorkQueue;
  /** The same queue, to empty it: no worker runs. */
  readonly queue: Queue;
  /** Of the statement, its CPU, and of the round: the statement and handing its hints to the queue. */
  readonly took: number[];
  readonly cpu: number[];
  readonly rounds: number[];
}

/**
 * Measures what a round of dispatch costs on backlogs of different shape, and prints a table of each kind. The scenarios take
 * turns, round by round, so that what else the machine does meets all of them; CPU is the session's own.
 */
export async function benchDispatch(leftovers: Leftovers, plans: boolean): Promise<void> {
  const postgres = await EmbeddedPostgres.start({
    dataDir: await leftovers.folder('dispatch'),
    // Each scenario's tables stay in memory, as they would if it were alone.
    settings: { shared_buffers: '1GB' },
  });
  try {
    const source = await connect(dataSourceOptions(postgres.url, 2));
    await source.destroy();
    for (const kind of [OPERATIONS, DELIVERIES]) await measure(postgres.url, kind, plans);
  } finally {
    await postgres.stop();
  }
}

async function measure(url: string, kind: Kind, plans: boolean): Promise<void> {
  const courses: Course[] = [];
  try {
    for (const [index, scenario] of kind.scenarios.entries())
      courses.push(await lay(url, kind, scenario, `${kind.name}_${index}`));
    for (let round = -WARMUP; round < ROUNDS; round++)
      for (const course of courses) await run(kind, course, round >= 0);
    print(kind, courses);
    if (plans) for (const course of courses) await explain(kind, course);
  } finally {
    for (const { dispatcher, other, backend, hints, queue } of courses) {
      await Promise.all([dispatcher.end(), other.end(), hints.onApplicationShutdown(), queue.close()]);
      await backend.onApplicationShutdown();
    }
  }
}

async function lay(server: string, kind: Kind, scenario: Scenario, name: string): Promise<Course> {
  const url = new URL(server);
  const template = new pg.Client({ connectionString: url.href.replace(/\/ringback$/, '/postgres') });
  await template.connect();
  await template.query(`CREATE DATABASE ${name} TEMPLATE ringback`);
  await template.end();
  url.pathname = `/${name}`;
  const [dispatcher, other] = [
    new pg.Client({ connectionString: url.href }),
    new pg.Client({ connectionString: url.href }),
  ];
  await Promise.all([dispatcher.connect(), other.connect()]);
  if (scenario.fresh) {
    await other.query(`ALTER TABLE ${kind.table} SET (autovacuum_enabled = off)`);
    await dispatcher.query(kind.dispatch);
  }
  for (const sql of kind.fill(scenario)) await other.query(sql);
  if (!scenario.fresh) await other.query('VACUUM ANALYZE');
  const { rows } = await dispatcher.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const database: Queryable = { query: async (sql, given = []) => (await other.query(sql, [...given])).rows };
  const backend = await QueueBackend.connect(
    { redisUrls: [] },
    { url: url.href, directUrl: url.href, poolSize: 8, migrates: true },
    database,
  );
  const hints = new kind.queue(backend);
  const queue = new Queue(hints.name, { connection: backend.producer, prefix: backend.prefix });
  return {
    ...{ scenario, dispatcher, other, backend, hints, queue },
    ...{ pid: rows[0]!.pid, took: [], cpu: [], rounds: [] },
  };
}

async function run(kind: Kind, course: Course, counts: boolean): Promise<void> {
  const { scenario, dispatcher, other, pid, hints, queue } = course;
  const [cpuBefore, startedAt] = [cpuMs(pid), performance.now()];
  const { rows } = await dispatcher.query<Hint>(kind.dispatch);
  const [cpu, took] = [cpuMs(pid) - cpuBefore, performance.now() - startedAt];
  await hints.send(rows);
  if (counts) {
    course.took.push(took);
    course.cpu.push(cpu);
    course.rounds.push(performance.now() - startedAt);
  }
  if (rows.length !== Math.min(MOST, scenario.rows))
    throw new Error(`${scenario.name}: ${rows.length} were dispatched, not ${MOST}`);
  await Promise.all([other.query(kind.reset), queue.drain()]);
}

function print(kind: Kind, courses: readonly Course[]): void {
  console.log(
    `\n| ${kind.name}, ${MOST} at most | round p50 ms | × | p95 ms | statement p50 ms | × | its CPU p50 ms | × |\n|---|---|---|---|---|---|---|---|`,
  );
  const p50 = ({ rounds, took, cpu }: Course): number[] =>
    [rounds, took, cpu].map((all) => spreadOf(all).p50);
  const first = p50(courses[0]!);
  for (const course of courses) {
    const [round, statement, cpu] = p50(course).map((time, index) => [time, time / first[index]!]);
    const figures = [...round!, spreadOf(course.rounds).p95, ...statement!, ...cpu!];
    console.log(`| ${course.scenario.name} | ${figures.map((figure) => figure.toFixed(2)).join(' | ')} |`);
  }
}

/** Milliseconds of CPU that a session has used so far; NaN where there is no /proc. */
function cpuMs(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ', 1)[0]) / 1e6;
  } catch {
    return Number.NaN;
  }
}

/** Prints what PostgreSQL did in one more round: the plan of each statement in the function, with times and pages. */
async function explain(kind: Kind, { scenario, dispatcher }: Course): Promise<void> {
  console.log(`\nA round of ${kind.name}: ${scenario.name}`);
  await dispatcher.query(`LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on;
    SET auto_explain.log_analyze = on; SET auto_explain.log_buffers = on; SET client_min_messages = log`);
  dispatcher.on('notice', ({ message }) => {
    const [, duration, plan] =
      /^duration: ([\d.]+) ms.*?\n(?:Query Text:.*\n(?:.*\n)*?)?(?=\S.*\(cost=)([\s\S]*)$/.exec(
        message ?? '',
      ) ?? [];
    if (plan)
      console.log(`${duration} ms\n${plan.replaceAll(/ *\(cost=[^)]*\)/g, '').replaceAll(/^/gm, '  ')}`);
  });
  await dispatcher.query(kind.dispatch);
}
