import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/database/database.js';
import type { Rows } from '../../src/database/rows.js';
import type { PageOf } from '../../src/database/page-of.js';
import type { DeliveryFilter } from '../../src/deliveries/delivery-filter.js';
import { DeliveryReads } from '../../src/deliveries/delivery-reads.store.js';
import { HistoryStore } from '../../src/operations/read/history.store.js';
import type { OperationFilter } from '../../src/operations/read/operation-filter.js';
import { OperationReads } from '../../src/operations/read/operation-reads.store.js';
import { leaveToItself, newDatabase } from '../support/database.js';
import { FILL, OPERATIONS, ridOf as rid } from '../support/many-records.js';

/** Blocks of a page of 250 rows, each of some tables and indexes of a few levels. */
const MAX_BLOCKS = 8_000;
/** Blocks of a walk that finds nothing, and stops when it has looked at 20,000 rows: a sixth of all. */
const MAX_WALKED_BLOCKS = 200_000;

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

/** So many hours ago. */
const hour = (n: number): Date => new Date(Date.now() - n * 3_600_000);
const page = { newestFirst: false, after: null, limit: 250 };
const newest = { ...page, newestFirst: true };
const few = { account: 'few' };
const half = { account: 'half' };
const all = { account: null };

interface Bounded {
  rows: number;
  blocks?: number;
  read: Read;
}
interface Wanted<Filter> {
  rows: number;
  /** Where it is more than usual. */
  blocks?: number;
  filter: Filter;
  after?: string;
}

/** The pages of these lists, in both orders. */
function pages<Filter>(
  wanted: Record<string, Wanted<Filter>>,
  list: (filter: Filter, page: PageOf) => Read,
): Record<string, Bounded> {
  return Object.fromEntries(
    Object.entries(wanted).flatMap(([name, { filter, after, ...bounds }]) => [
      [name, { ...bounds, read: list(filter, { ...page, after: after ?? null }) }],
      [`${name}, the newest first`, { ...bounds, read: list(filter, newest) }],
    ]),
  );
}

const operationReads = (wanted: Record<string, Wanted<OperationFilter>>): Record<string, Bounded> =>
  pages(
    wanted,
    (filter, asked) =>
      ({ operations }) =>
        operations.list(filter, asked),
  );
const deliveryReads = (wanted: Record<string, Wanted<DeliveryFilter>>): Record<string, Bounded> =>
  pages(
    wanted,
    (filter, asked) =>
      ({ deliveries }) =>
        deliveries.list(filter, asked),
  );
const walks = (reads: Record<string, Bounded>): Record<string, Bounded> =>
  Object.fromEntries(
    Object.entries(reads).map(([name, read]) => [name, { ...read, blocks: MAX_WALKED_BLOCKS }]),
  );

const READS: Record<string, Bounded> = {
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
  'the newest operations': { rows: 100, read: ({ operations }) => operations.newest('few', 0, 100) },
  'a history': { rows: 251, read: ({ history }) => history.list('7', '0', 251) },
  'one delivery': { rows: 1, read: ({ deliveries }) => deliveries.find('few', `dlv_${rid(500)}`) },
  'its attempts': { rows: 1, read: ({ deliveries }) => deliveries.attempts(`dlv_${rid(500)}`) },
  ...operationReads({
    'all operations': { rows: 250, filter: few },
    'operations of all accounts': { rows: 250, filter: all },
    'operations from the middle on': { rows: 250, filter: few, after: '60000' },
    'operations that wait': { rows: 200, filter: { account: 'live7', states: ['Waiting'] } },
    'operations that wait, of all accounts': { rows: 250, filter: { ...all, states: ['Waiting'] } },
    'operations that are executing': { rows: 1, filter: { ...all, states: ['Executing'] } },
    'operations that are finished': {
      rows: 250,
      filter: { ...few, states: ['Finished'], finishedAfter: hour(40) },
    },
    'a few of many that have failed': { rows: 12, filter: { ...few, states: ['Failed', 'Canceled'] } },
    'those that failed or wait, of all accounts': {
      rows: 250,
      filter: { ...all, states: ['Failed', 'Waiting'] },
    },
    'a few of many that failed for a reason': { rows: 3, filter: { ...few, errorCode: 'rare' } },
    'one of a correlation': { rows: 1, filter: { ...few, correlation: 'order 500' } },
    'one of a correlation, of whatever account': { rows: 1, filter: { ...all, correlation: 'order 500' } },
    'some of many by their ids': { rows: 3, filter: { ...few, rids: [500, 60_000, 89_999].map(rid) } },
    'one of a number': { rows: 1, filter: { ...all, requestId: '500' } },
    'a few of many that are not delivered': {
      rows: 22,
      filter: { ...few, undelivered: true, finishedAfter: hour(40) },
    },
    'half of many that are not delivered': {
      rows: 250,
      filter: { ...half, undelivered: true, finishedAfter: hour(40) },
    },
    'half of many that are not delivered, from the middle on': {
      rows: 250,
      filter: { ...half, undelivered: true },
      after: '100000',
    },
    'those of all accounts that are not delivered': {
      rows: 250,
      blocks: 20_000,
      filter: { ...all, undelivered: true },
    },
    'a few of many whose callback is pending': { rows: 22, filter: { ...few, callbackStates: ['Pending'] } },
    'a few of many whose callback was given up': {
      rows: 22,
      filter: { ...few, callbackStates: ['Exhausted'] },
    },
    'those of an hour': { rows: 250, filter: { ...few, createdAfter: hour(12), createdBefore: hour(11) } },
    'those that finished before an hour': { rows: 250, filter: { ...all, finishedBefore: hour(20) } },
  }),
  ...walks(
    operationReads({
      'none of a type': { rows: 0, filter: { ...few, types: ['no.such'] } },
      'none of an origin': { rows: 0, filter: { ...all, origin: 'http://none' } },
      'those that were acknowledged': { rows: 0, filter: { ...few, callbackStates: ['Canceled'] } },
    }),
  ),
  ...deliveryReads({
    'all deliveries': { rows: 250, filter: few },
    'deliveries of all accounts': { rows: 250, filter: all },
    'deliveries of an operation': { rows: 1, filter: { ...few, operation: '500' } },
    'a few deliveries that are pending': { rows: 22, filter: { ...few, states: ['Pending'] } },
    'many deliveries that are pending': { rows: 250, filter: { ...half, states: ['Pending'] } },
    'deliveries that are delivered': {
      rows: 250,
      filter: { ...half, states: ['Delivered'], since: hour(24) },
    },
    'a few that were given up': { rows: 22, filter: { ...few, states: ['Exhausted'] } },
    'those that were given up or wait, of all accounts': {
      rows: 250,
      filter: { ...all, states: ['Exhausted', 'Pending'] },
    },
    'a few of a kind of failure': { rows: 22, filter: { ...few, error: 'http_5xx', states: ['Exhausted'] } },
    'a few that tell of failures': { rows: 12, filter: { ...few, event: 'operation.failed' } },
    'those of an hour ': { rows: 250, filter: { ...few, since: hour(12), until: hour(11) } },
  }),
  ...walks(
    deliveryReads({
      'none of an endpoint': { rows: 0, filter: { ...all, endpoint: 'ep_0' } },
      'none to an origin': { rows: 0, filter: { ...few, origin: 'http://none' } },
    }),
  ),
};

describe.each([
  ['with statistics', true],
  ['without statistics', false],
])('A page of 10^5 records, %s,', (_, analyzed) => {
  let client: pg.Client;
  beforeAll(async () => {
    client = new pg.Client({ connectionString: await newDatabase() });
    await client.connect();
    await leaveToItself(client);
    await client.query(FILL);
    if (analyzed) await client.query('VACUUM ANALYZE');
    // As Ringback's connections have it. Then what tells the plans of the statements in functions.
    await client.query(
      `SET jit = off; LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on;
       SET auto_explain.log_analyze = on; SET auto_explain.log_timing = off; SET auto_explain.log_format = json; SET client_min_messages = log`,
    );
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

  it.each(Object.entries(READS))('touches no more than it shows: %s', async (__, { rows, blocks, read }) => {
    const [first] = await sentBy(read);
    const [sql, parameters] = first!;
    const nested: Node[] = [];
    const note = ({ message }: { message?: string | undefined }): void => {
      const plan = /^duration: .* plan:\n(.*)$/s.exec(message ?? '')?.[1];
      if (plan !== undefined) nested.push((JSON.parse(plan) as { Plan: Node }).Plan);
    };
    client.on('notice', note);
    const { rows: explained } = await client.query<{ 'QUERY PLAN': [{ Plan: Node }] }>(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${sql}`,
      parameters,
    );
    client.off('notice', note);
    const plan = explained[0]!['QUERY PLAN'][0].Plan;
    expect(plan['Actual Rows']).toBeGreaterThanOrEqual(rows);
    expect([plan, ...nested].flatMap(scannedWhole)).toEqual([]);
    // Those of the functions that it calls are counted, too.
    expect(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']).toBeLessThan(blocks ?? MAX_BLOCKS);
  });
});

/** Tables that a plan has read from end to end, but for those that are empty. */
function scannedWhole(node: Node): string[] {
  const own =
    node['Node Type'] === 'Seq Scan' && node['Actual Loops'] > 0 && node['Actual Rows'] > 0
      ? [node['Relation Name']!]
      : [];
  return [...own, ...(node.Plans ?? []).flatMap(scannedWhole)];
}
