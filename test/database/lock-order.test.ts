import { Module } from '@nestjs/common';
import pg from 'pg';
import { expect, it } from 'vitest';
import { type OperationHandler, type OperationOutcome, OperationType } from '../../src/index.js';
import { OperationStore } from '../../src/operations/operation.store.js';
import { App } from '../support/app.js';
import { newDatabase, rowsOf } from '../support/database.js';

const RUNS = 120;
const enders: (() => void)[] = [];

/** Ends when the test says so. */
@OperationType({ name: 'test.turn', title: 'Wait for its turn', tries: 1 })
class TurnHandler implements OperationHandler {
  async run(): Promise<OperationOutcome> {
    await new Promise<void>((resolve) => enders.push(resolve));
    return {};
  }
}
@Module({ providers: [TurnHandler] })
class TurnModule {}

it('operations that end in any order are settled and renewed at the same time without a deadlock', async () => {
  await using app = await App.start(
    { operations: { concurrency: RUNS, leaseS: 60 }, accounts: { slots: RUNS } },
    [TurnModule],
  );
  for (let n = 0; n < RUNS; n++) await app.client.submit({ type: 'test.turn' });
  await expect.poll(() => enders.length, { timeout: 20_000 }).toBe(RUNS);
  const leases = await rowsOf<{ requestId: string; leaseToken: string }>(
    app.databaseUrl,
    'SELECT request_id AS "requestId", lease_token AS "leaseToken" FROM live_operation',
  );
  const store = app.nest.get(OperationStore);
  for (const end of enders.toReversed()) {
    end();
    await store.renew(leases);
  }
  const left = (): Promise<unknown[]> => rowsOf(app.databaseUrl, `SELECT FROM live_operation`);
  await expect.poll(left, { timeout: 20_000 }).toEqual([]);
  const deadlocks = (): Promise<unknown[]> =>
    rowsOf(app.databaseUrl, 'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()');
  expect(await deadlocks()).toEqual([{ deadlocks: 0 }]);
});

it.each(['operations', 'deliveries'])(
  'a dispatch of %s that spares leases after an outage waits for an end under way, before it has any row that the end needs',
  async (kind) => {
    const url = await newDatabase();
    await rowsOf(
      url,
      `WITH outage AS (UPDATE lease_watch SET looked_at = now() - interval '1 minute')
       INSERT INTO live_operation (request_id, account_id, type, phase, priority, tries, attempt, lease_token, look_at, due_at)
       VALUES (1, 'a', 'echo', 'placed', 0, 3, 1, gen_random_uuid(), now() - interval '5 s', now() - interval '5 s')`,
    );
    const [end, dispatch] = [new pg.Client(url), new pg.Client(url)];
    await Promise.all([end.connect(), dispatch.connect()]);
    try {
      // As settle_operations does: the room at origins, then the rows.
      await end.query('BEGIN; SELECT pg_advisory_xact_lock(7164225003)');
      const round =
        kind === 'operations'
          ? `SELECT FROM dispatch_operations(spare_leases(100, '30 s'), '30 s', 100, '0')`
          : `SELECT FROM dispatch_deliveries(spare_leases(100, '30 s'), '30 s', 10, 10, 0)`;
      const dispatching = dispatch.query(round);
      const waiting = (): Promise<unknown> =>
        rowsOf(
          url,
          `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
        );
      await expect.poll(waiting).toHaveLength(1);
      const ended = await end.query('DELETE FROM live_operation WHERE request_id = 1');
      expect(ended.rowCount).toBe(1);
      await end.query('COMMIT');
      await dispatching;
    } finally {
      await Promise.all([end.end(), dispatch.end()]);
    }
  },
);

it('flow keys are admitted without waiting for one that is being changed, once others are locked', async () => {
  const url = await newDatabase();
  // Five notes are a turn.
  await rowsOf(
    url,
    `WITH owner AS (INSERT INTO account (id, name, slots) VALUES ('a', 'a', 5) RETURNING id),
       keys AS (INSERT INTO flow (account_id, key, parallelism) SELECT id, k, 1 FROM owner, unnest('{k,l}'::text[]) k)
     INSERT INTO flow_note (account_id, key) SELECT 'a', unnest('{l,l,l,l,l,k}'::text[])`,
  );
  const [change, round] = [new pg.Client(url), new pg.Client(url)];
  await Promise.all([change.connect(), round.connect()]);
  try {
    await change.query(`BEGIN; UPDATE flow SET parallelism = 2 WHERE key = 'k'`);
    await round.query(`SET lock_timeout = '2s'; BEGIN`);
    await round.query('SELECT admit_flows(1)');
    // It waits for the round, which waits for nothing.
    const changed = change.query(`UPDATE flow SET parallelism = 2 WHERE key = 'l'`);
    await round.query('COMMIT');
    await changed;
    await change.query('COMMIT');
    expect(await rowsOf(url, 'SELECT key FROM flow_note')).toEqual([{ key: 'k' }]);
    await round.query('SELECT admit_flows(1)');
    expect(await rowsOf(url, 'SELECT key FROM flow_note')).toEqual([]);
  } finally {
    await Promise.all([change.end(), round.end()]);
  }
});
