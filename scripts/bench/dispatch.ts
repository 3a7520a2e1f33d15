import pg from 'pg';
import { dataSourceOptions } from '../../ormconfig.js';
import { connect } from '../../src/database/connection.js';
import { EmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { spreadOf } from './figures.js';
import type { Leftovers } from './processes.js';

/** Rows a round takes, as the dispatchers ask for them. */
const MOST = 200;
const WARMUP = 10;
const ROUNDS = 60;

/** A backlog, and what a round of dispatch costs on it. */
interface Scenario {
  readonly name: string;
  readonly rows: number;
  /** Accounts, or origins. */
  readonly owners: number;
  /** Rows of owners that have no room, so none of them moves. */
  readonly stuck?: number;
}

/** One kind of row that is dispatched. Every round starts with the backlog as it was: what was hinted is put back. */
interface Kind {
  readonly name: string;
  readonly dispatch: string;
  readonly reset: string;
  fill(scenario: Scenario): string[];
  readonly scenarios: readonly Scenario[];
}

const OPERATIONS: Kind = {
  name: 'operations',
  dispatch: `SELECT count(*)::integer AS count FROM dispatch_operations(${MOST}, interval '1 minute')`,
  // As if they had ended and as many had come, behind the others.
  reset: `WITH gone AS (DELETE FROM operation WHERE phase = 'hinted' AND priority = 0 RETURNING account_id)
    INSERT INTO operation (rid, account_id, type, face, state, phase, retention, tries, timeout_s, status_text, due_at)
    SELECT gen_random_uuid()::text, account_id, 'echo', 'native', 'Waiting', 'ready', 'keep1m', 3, 60, 'Waiting...', now() FROM gone`,
  fill: ({ rows, owners, stuck = 0 }) => [
    'TRUNCATE operation, history_entry, account CASCADE',
    `INSERT INTO account (id, name, slots) SELECT n, n, greatest(20, ${Math.ceil(MOST / owners)}) FROM generate_series(1, ${owners}) n`,
    `INSERT INTO operation (rid, account_id, type, face, state, phase, retention, tries, timeout_s, status_text, due_at)
     SELECT gen_random_uuid()::text, n % ${owners} + 1, 'echo', 'native', 'Waiting', 'ready', 'keep1m', 3, 60, 'Waiting...', now()
     FROM generate_series(1, ${rows}) n`,
    `INSERT INTO account (id, name, slots) SELECT 'stuck' || n, 'stuck' || n, 1 FROM generate_series(1, ${stuck}) n`,
    `INSERT INTO operation (rid, account_id, type, face, state, phase, retention, tries, timeout_s, status_text, due_at, priority)
     SELECT gen_random_uuid()::text, 'stuck' || n, 'echo', 'native', 'Waiting', p, 'keep1m', 3, 60, 'Waiting...', now() + interval '1 day', 1
     FROM generate_series(1, ${stuck}) n, unnest(ARRAY['hinted', 'ready', 'ready']) p`,
  ],
  scenarios: [
    { name: '1,000 of 1 account', rows: 1_000, owners: 1 },
    { name: '100,000 of 1 account', rows: 100_000, owners: 1 },
    { name: '1,000 of 1,000 accounts', rows: 1_000, owners: 1_000 },
    { name: '100,000 of 1,000 accounts', rows: 100_000, owners: 1_000 },
    {
      name: '1,000 of 1 account, beside 1,000 accounts without a free slot',
      rows: 1_000,
      owners: 1,
      stuck: 1_000,
    },
  ],
};

const DELIVERIES: Kind = {
  name: 'deliveries',
  dispatch: `SELECT count(*)::integer AS count FROM dispatch_deliveries(${MOST}, interval '1 minute', ${MOST})`,
  reset: `WITH gone AS (DELETE FROM delivery WHERE phase = 'hinted' AND trigger = 'schedule' RETURNING origin)
    INSERT INTO delivery (id, account_id, destination, event_type, url, origin, lane, body)
    SELECT gen_random_uuid()::text, 'a', 'callback', 'operation.finished', origin, origin, origin, '{}' FROM gone`,
  fill: ({ rows, owners, stuck = 0 }) => [
    'TRUNCATE delivery, origin, endpoint, account CASCADE',
    `INSERT INTO origin (name, proven_at) SELECT 'http://' || n, now() FROM generate_series(0, ${owners - 1}) n`,
    `INSERT INTO delivery (id, account_id, destination, event_type, url, origin, lane, body)
     SELECT gen_random_uuid()::text, 'a', 'callback', 'operation.finished', o, o, o, '{}'
     FROM generate_series(1, ${rows}) n, LATERAL (SELECT 'http://' || n % ${owners} AS o) o`,
    // Held for disabled endpoints, and origins that are full.
    `INSERT INTO account (id, name, slots) VALUES ('a', 'a', 1)`,
    `INSERT INTO endpoint (id, account_id, url, origin, description, events, signature_profile, disabled_at)
     SELECT 'ep_' || n, 'a', 'http://held' || n, 'http://held' || n, '', '{}', 'standard', now() FROM generate_series(1, ${stuck}) n`,
    `INSERT INTO delivery (id, account_id, endpoint_id, destination, event_type, url, origin, lane, body, phase, due_at)
     SELECT gen_random_uuid()::text, 'a', 'ep_' || n, 'x', 'operation.finished', 'http://held' || n, 'http://held' || n, 'ep_' || n, '{}', 'held', NULL
     FROM generate_series(1, ${stuck}) n, generate_series(1, 10)`,
    `INSERT INTO delivery (id, account_id, destination, event_type, url, origin, lane, body, phase, due_at, trigger)
     SELECT gen_random_uuid()::text, 'a', 'callback', 'operation.finished', 'http://full' || n, 'http://full' || n, 'http://full' || n, '{}', p, now() + interval '1 day', 'manual'
     FROM generate_series(1, ${stuck}) n, unnest(ARRAY['hinted', 'ready', 'ready']) p`,
  ],
  scenarios: [
    { name: '1,000 to 1 origin', rows: 1_000, owners: 1 },
    { name: '100,000 to 1 origin', rows: 100_000, owners: 1 },
    { name: '1,000 to 1,000 origins', rows: 1_000, owners: 1_000 },
    { name: '100,000 to 1,000 origins', rows: 100_000, owners: 1_000 },
    {
      name: '1,000 to 1 origin, beside 1,000 full origins and 10,000 held for 1,000 endpoints',
      rows: 1_000,
      owners: 1,
      stuck: 1_000,
    },
  ],
};

/** Measures what a round of dispatch costs on backlogs of different shape, and prints a table of each kind. */
export async function benchDispatch(leftovers: Leftovers): Promise<void> {
  const postgres = await EmbeddedPostgres.start({ dataDir: await leftovers.folder('dispatch') });
  try {
    const source = await connect(dataSourceOptions(postgres.url, 2));
    await source.destroy();
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    try {
      for (const kind of [OPERATIONS, DELIVERIES]) {
        console.log(
          `\n| a round of ${kind.name}, ${MOST} at most | p50 ms | p95 ms | × |\n|---|---|---|---|`,
        );
        let first: number | undefined;
        for (const scenario of kind.scenarios) {
          const { p50, p95 } = await measure(client, kind, scenario);
          first ??= p50;
          console.log(
            `| ${scenario.name} | ${p50.toFixed(2)} | ${p95.toFixed(2)} | ${(p50 / first).toFixed(2)} |`,
          );
        }
      }
    } finally {
      await client.end();
    }
  } finally {
    await postgres.stop();
  }
}

async function measure(
  client: pg.Client,
  kind: Kind,
  scenario: Scenario,
): Promise<{ p50: number; p95: number }> {
  for (const sql of kind.fill(scenario)) await client.query(sql);
  await client.query('VACUUM ANALYZE');
  // Plans of the backlog before this one.
  await client.query('DISCARD PLANS');
  const samples: number[] = [];
  for (let round = -WARMUP; round < ROUNDS; round++) {
    const startedAt = performance.now();
    const { rows } = await client.query<{ count: number }>(kind.dispatch);
    if (round >= 0) samples.push(performance.now() - startedAt);
    if (rows[0]!.count !== MOST)
      throw new Error(`${scenario.name}: ${rows[0]!.count} were hinted, not ${MOST}`);
    await client.query(kind.reset);
  }
  return spreadOf(samples);
}
