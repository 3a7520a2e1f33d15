import { createHash } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/database/database.js';
import type { Rows } from '../../src/database/rows.js';
import { DeliveryReads } from '../../src/deliveries/delivery-reads.store.js';
import { HistoryStore } from '../../src/operations/read/history.store.js';
import { OperationReads } from '../../src/operations/read/operation-reads.store.js';
import { newDatabase } from '../support/database.js';

const OPERATIONS = 120_000;
/** Blocks of a page of 251 rows, each of some tables and indexes of a few levels. */
const MAX_BLOCKS = 8_000;

/** The first account has most, of which one of 4,000 is not delivered; of the second every other; 50 have what lives. */
const FILL = `
  INSERT INTO operation (rid, account_id, type, face, callback_url, retention, tries, timeout_s)
  SELECT md5(n::text), CASE WHEN n <= ${OPERATIONS} - 30000 THEN 'few' WHEN n <= ${OPERATIONS} - 10000 THEN 'half' ELSE 'live' || n % 50 END,
    'echo', 'native', 'http://a/', 'keep1m', 1, 60
  FROM generate_series(1, ${OPERATIONS}) n;
  INSERT INTO operation_end (request_id, state, attempt, progress, finished_at, expires_at, status_text, transitions)
  SELECT request_id, 'Finished', 1, 100, now(), now() + interval '1 month', 'Finished', '[2,1764300000.5,"Finished",100,"Finished",null]'
  FROM operation WHERE account_id NOT LIKE 'live%';
  INSERT INTO live_operation (request_id, account_id, type, phase, priority, tries, look_at, due_at)
  SELECT request_id, account_id, type, CASE WHEN request_id % 3 = 0 THEN 'scheduled' ELSE 'ready' END, request_id % 5, 1, now(), now()
  FROM operation WHERE account_id LIKE 'live%';
  INSERT INTO delivery (home, id, account_id, operation_id, destination, event_type, url, origin, body)
  SELECT request_id, 'dlv_' || md5(request_id::text), account_id, request_id, 'callback', 'operation.finished', 'http://a/', 'http://a', '{}'
  FROM operation WHERE account_id NOT LIKE 'live%';
  INSERT INTO live_delivery (seq, home, account_id, operation_id, lane, origin, phase, look_at, due_at, attempt_count)
  SELECT seq, home, account_id, operation_id, origin, origin, 'scheduled', now(), now(), 1 FROM delivery WHERE home % CASE account_id WHEN 'few' THEN 4000 ELSE 2 END = 0;
  INSERT INTO delivery_end (home, seq, state, attempt_count, schedule_step, epoch)
  SELECT home, seq, 'Delivered', 1, 1, 1 FROM delivery WHERE home % CASE account_id WHEN 'few' THEN 4000 ELSE 2 END <> 0;
  INSERT INTO attempt (home, delivery_seq, number, trigger, outcome, started_at)
  SELECT home, seq, 1, 'schedule', 'delivered', now() FROM delivery_end;
  INSERT INTO history_entry (operation_id, kind, text) SELECT 7, 'log', 'line' FROM generate_series(1, 50000) n;`;

interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Loops': number;
  readonly 'Actual Rows': number;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: Node[];
}

/** What a read asks for. */
type Read = (reads: {
  operations: OperationReads;
  deliveries: DeliveryReads;
  history: HistoryStore;
}) => unknown;

const yesterday = new Date(Date.now() - 86_400_000);
const page = { after: '0', limit: 251 };
const middle = { ...page, after: '60000' };
const READS: Record<string, { rows: number; read: Read }> = {
  'one operation': { rows: 1, read: ({ operations }) => operations.find('few', rid(500)) },
  'one operation that waits': {
    rows: 1,
    read: ({ operations }) => operations.find(`live${OPERATIONS % 50}`, rid(OPERATIONS)),
  },
  'one operation by its number': {
    rows: 1,
    read: ({ operations }) => operations.findByRequestId('few', '500'),
  },
  'which operations have ended': {
    rows: 200,
    read: ({ operations }) => operations.ended(Array.from({ length: 200 }, (_, n) => String(n + 1))),
  },
  operations: { rows: 251, read: ({ operations }) => operations.list('few', page) },
  'operations from the middle on': { rows: 251, read: ({ operations }) => operations.list('few', middle) },
  'the newest operations': { rows: 100, read: ({ operations }) => operations.newest('few', 0, 100) },
  'operations that wait': {
    rows: 200,
    read: ({ operations }) => operations.list('live7', { ...page, status: 'Waiting' }),
  },
  'operations that are finished': {
    rows: 251,
    read: ({ operations }) =>
      operations.list('few', { ...page, status: 'Finished', finishedAfter: yesterday }),
  },
  'a few of many that are not delivered': {
    rows: 22,
    read: ({ operations }) =>
      operations.list('few', { ...page, undelivered: true, finishedAfter: yesterday }),
  },
  'half of many that are not delivered': {
    rows: 251,
    read: ({ operations }) =>
      operations.list('half', { ...page, undelivered: true, finishedAfter: yesterday }),
  },
  'half of many that are not delivered, from the middle on': {
    rows: 251,
    read: ({ operations }) => operations.list('half', { ...page, undelivered: true, after: '100000' }),
  },
  'a history': { rows: 251, read: ({ history }) => history.list('7', '0', 251) },
  'one delivery': { rows: 1, read: ({ deliveries }) => deliveries.find('few', `dlv_${rid(500)}`) },
  'its attempts': { rows: 1, read: ({ deliveries }) => deliveries.attempts(`dlv_${rid(500)}`) },
  deliveries: { rows: 251, read: ({ deliveries }) => deliveries.list('few', page) },
  'deliveries of an operation': {
    rows: 1,
    read: ({ deliveries }) => deliveries.list('few', { ...page, operationId: '500' }),
  },
  'a few deliveries that are pending': {
    rows: 22,
    read: ({ deliveries }) => deliveries.list('few', { ...page, status: 'Pending' }),
  },
  'deliveries that are delivered': {
    rows: 251,
    read: ({ deliveries }) => deliveries.list('half', { ...page, status: 'Delivered', since: yesterday }),
  },
};

describe.each([
  ['with statistics', true],
  ['without statistics', false],
])('A page of 10^5 records, %s,', (_, analyzed) => {
  let client: pg.Client;
  beforeAll(async () => {
    client = new pg.Client({ connectionString: await newDatabase() });
    await client.connect();
    await client.query(
      `DO $$ DECLARE t regclass; BEGIN
         FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
           EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', t);
         END LOOP;
       END $$`,
    );
    await client.query(FILL);
    if (analyzed) await client.query('VACUUM ANALYZE');
  }, 60_000);
  afterAll(() => client.end());

  /** The statements that a read sends. */
  async function sentBy(read: Read): Promise<(readonly [sql: string, parameters: unknown[]])[]> {
    const sent: (readonly [string, unknown[]])[] = [];
    const spy: Pick<Database, 'query'> = {
      query: (sql, parameters) => {
        sent.push([sql, [...(parameters ?? [])]]);
        return Promise.resolve([]);
      },
    };
    const [database, rows] = [spy as Database, {} as Rows];
    await Promise.resolve(
      read({
        operations: new OperationReads(database, rows),
        deliveries: new DeliveryReads(database, rows),
        history: new HistoryStore(database, rows),
      }),
    ).catch(() => undefined);
    return sent;
  }

  it.each(Object.entries(READS))('touches no more than it shows: %s', async (__, { rows, read }) => {
    const [first] = await sentBy(read);
    const [sql, parameters] = first!;
    const { rows: explained } = await client.query<{ 'QUERY PLAN': [{ Plan: Node }] }>(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${sql}`,
      parameters,
    );
    const plan = explained[0]!['QUERY PLAN'][0].Plan;
    expect(plan['Actual Rows']).toBeGreaterThanOrEqual(rows);
    expect(scannedWhole(plan)).toEqual([]);
    // Those of the functions that it calls are counted, too.
    expect(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']).toBeLessThan(MAX_BLOCKS);
  });
});

const rid = (n: number): string => createHash('md5').update(String(n)).digest('hex');

/** Tables that a plan has read from end to end, but for those that are empty. */
function scannedWhole(node: Node): string[] {
  const own =
    node['Node Type'] === 'Seq Scan' && node['Actual Loops'] > 0 && node['Actual Rows'] > 0
      ? [node['Relation Name']!]
      : [];
  return [...own, ...(node.Plans ?? []).flatMap(scannedWhole)];
}
