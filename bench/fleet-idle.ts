import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { Fleet } from './fleet.js';
import { cpuSeconds, othersSeconds } from './usage.js';

/** What an idle fleet spends a second. */
export interface IdleFleet {
  /** Of one core. */
  readonly serviceCpu: number;
  readonly postgresCpu: number;
  readonly statements: number;
  readonly connections: number;
  readonly othersCores: number;
}

/** Looks on while nothing is asked of the processes. */
export async function measureIdle(
  { processes, postgres }: Fleet,
  serverPid: number,
  ms: number,
): Promise<IdleFleet> {
  const services = (): number => processes.reduce((sum, { pid }) => sum + (cpuSeconds(pid)?.own ?? NaN), 0);
  const server = (): number => {
    const spent = cpuSeconds(serverPid);
    return spent ? spent.own + spent.below : NaN;
  };
  await postgres.forget();
  const before = { services: services(), server: server(), others: othersSeconds() ?? NaN };
  const startedAt = performance.now();
  await pause(ms);
  const seconds = (performance.now() - startedAt) / 1000;
  const [after, others] = [{ services: services(), server: server() }, othersSeconds() ?? NaN];
  const { statements } = await postgres.counted();
  return {
    serviceCpu: (after.services - before.services) / seconds,
    postgresCpu: (after.server - before.server) / seconds,
    statements: statements ? (statements.rows + statements.queue) / seconds : NaN,
    connections: await connectionsTo(postgres.url),
    othersCores: (others - before.others) / seconds,
  };
}

async function connectionsTo(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url, application_name: 'ringback-bench' });
  await client.connect();
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*)::integer AS count FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'ringback-bench'`,
  );
  await client.end();
  return rows[0]!.count;
}
