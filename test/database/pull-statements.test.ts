import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leaveToItself, newDatabase } from '../support/database.js';

/** Deliveries that wait for each of the endpoints: a consumer that was away for long. */
const BACKLOG = 20_000;
const ENDPOINTS = 3;

const FILL = `
  INSERT INTO account (id, name, slots) VALUES ('a', 'a', 200);
  INSERT INTO endpoint (id, account_id, mode, url, origin, description, events, signature_profile, pulled_at)
  SELECT 'ep' || n, 'a', 'pull', '', '', '', '{}', 'standard', now() FROM generate_series(1, ${ENDPOINTS}) n;
  INSERT INTO delivery (home, seq, id, account_id, endpoint_id, destination, event_type, url, origin, body)
  SELECT n, n, 'dlv_' || n, 'a', 'ep' || n % ${ENDPOINTS} + 1, 'ep' || n % ${ENDPOINTS} + 1, 'operation.finished', '', '', '{}'
  FROM generate_series(1, ${BACKLOG * ENDPOINTS}) n;
  INSERT INTO live_delivery (seq, home, account_id, endpoint_id, lane, origin, phase, look_at, due_at, run_at)
  SELECT seq, home, account_id, endpoint_id, endpoint_id, '', 'held', 'infinity', 'infinity', now() - interval '1 day' + seq * interval '1 ms' FROM delivery;`;

/** On a connection that has planned them when nothing was there, as those of a service that began with an empty database. */
describe('The statements of pulls', () => {
  let client: pg.Client;
  beforeAll(async () => {
    client = new pg.Client({ connectionString: await newDatabase() });
    await client.connect();
    // Statistics that come in between have a statement planned anew, and what that reads is counted as its own.
    await leaveToItself(client);
    for (const { statement } of STATEMENTS) await client.query(`SELECT * FROM ${statement}`);
    await client.query(FILL);
  }, 60_000);
  afterAll(() => client.end());

  const STATEMENTS = [
    // Per delivery: the index of those held, the record, and the live row as it is written with what its indexes have.
    { statement: `pull_deliveries('ep1', 100, 4000000, interval '0.001 s')`, rows: 100, blocks: 100 * 60 },
    {
      statement: `pulled_deliveries('ep1', ARRAY['dlv_3', 'dlv_6', 'dlv_1', 'dlv_none'])`,
      rows: 2,
      blocks: 100,
    },
    { statement: `pulls_due(ARRAY['ep1', 'ep2', 'gone'])`, rows: 3, blocks: 100 },
    { statement: 'rescue_leased(500)', rows: 1, blocks: 100 * 60 },
    { statement: 'cancel_orphaned(500)', rows: 1, blocks: 100 },
  ];

  it.each(STATEMENTS)(
    'read few blocks, however many wait: $statement',
    async ({ statement, rows, blocks }) => {
      const { rows: explained } = await client.query<{ 'QUERY PLAN': { Plan: Record<string, number> }[] }>(
        `EXPLAIN (ANALYZE, BUFFERS, FORMAT json) SELECT * FROM ${statement}`,
      );
      const plan = explained[0]!['QUERY PLAN'][0]!.Plan;
      expect(plan['Actual Rows']).toBe(rows);
      expect(plan['Shared Hit Blocks']! + plan['Shared Read Blocks']!).toBeLessThan(blocks);
    },
  );
});
