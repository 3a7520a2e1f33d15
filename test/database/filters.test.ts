import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Database } from '../../src/database/database.js';
import type { Found, PageOf } from '../../src/database/page-of.js';
import type { Rows } from '../../src/database/rows.js';
import { type DeliveryFilter, ERROR_CLASSES } from '../../src/deliveries/delivery-filter.js';
import { DeliveryReads } from '../../src/deliveries/delivery-reads.store.js';
import { DELIVERY_STATES } from '../../src/deliveries/delivery.state.js';
import { OPERATION_STATES } from '../../src/operations/operation.state.js';
import type { OperationFilter } from '../../src/operations/read/operation-filter.js';
import { OperationReads } from '../../src/operations/read/operation-reads.store.js';
import { newDatabase } from '../support/database.js';
import { FILL, OPERATIONS, ridOf as rid } from '../support/many-records.js';

/** More than a page may look at: most filters take several pages. */
const LIMIT = 20_000;

let client: pg.Client;
let operations: OperationReads;
let deliveries: DeliveryReads;

beforeAll(async () => {
  client = new pg.Client({ connectionString: await newDatabase() });
  await client.connect();
  await client.query(FILL);
  await client.query('ANALYZE');
  const database = {
    query: async (sql: string, parameters: unknown[]) => (await client.query(sql, parameters)).rows,
  } as unknown as Database;
  [operations, deliveries] = [
    new OperationReads(database, {} as Rows),
    new DeliveryReads(database, {} as Rows),
  ];
}, 60_000);
afterAll(() => client.end());

const account = fc.constantFrom(null, null, 'few', 'half', 'live7', 'nobody');
/** Of the time in which they were made. */
const time = fc.integer({ min: -100, max: OPERATIONS + 100 }).map((ago) => new Date(Date.now() - ago * 1000));
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
const origin = maybe(fc.constantFrom('http://a', 'http://b'));
const order = fc.boolean();

const operationFilter: fc.Arbitrary<OperationFilter> = fc.record({
  account,
  states: maybe(fc.subarray(OPERATION_STATES, { minLength: 1 })),
  types: maybe(fc.constantFrom(['echo'], ['echo', 'sleep'], ['sleep'])),
  correlation: maybe(fc.constantFrom('order 500', 'order 119995', 'order 1')),
  requestId: maybe(fc.constantFrom('500', '999999')),
  errorCode: maybe(fc.constantFrom('rare', 'handler_failed', 'none')),
  callbackStates: maybe(fc.subarray(DELIVERY_STATES, { minLength: 1 })),
  origin,
  createdAfter: maybe(time),
  createdBefore: maybe(time),
  finishedAfter: maybe(time),
  finishedBefore: maybe(time),
  undelivered: maybe(fc.constant(true)),
  rids: maybe(fc.constantFrom([], [rid(500), rid(119_000), rid(7), rid(500), 'none'], [rid(95_000)])),
  withInput: maybe(fc.constant(true)),
});
const deliveryFilter: fc.Arbitrary<DeliveryFilter> = fc.record({
  account,
  states: maybe(fc.subarray(DELIVERY_STATES, { minLength: 1 })),
  operation: maybe(fc.constantFrom('500', '999999')),
  origin,
  event: maybe(fc.constantFrom('operation.finished', 'operation.failed', 'endpoint.test')),
  error: maybe(fc.constantFrom(...ERROR_CLASSES.slice(0, 2))),
  since: maybe(time),
  until: maybe(time),
});

/** What a filter means, said plainly. Parameters that are undefined let all through. */
const OPERATIONS_MEANT = `
  SELECT o.request_id AS number FROM operation_view o
  LEFT JOIN (SELECT d.operation_id, coalesce(x.state, 'Pending') AS state FROM delivery d LEFT JOIN delivery_end x USING (home, seq)) d
    ON d.operation_id = o.request_id
  WHERE ($1::text IS NULL OR o.account_id = $1) AND ($2::text[] IS NULL OR o.state = ANY ($2)) AND ($3::text[] IS NULL OR o.type = ANY ($3))
    AND ($4::text IS NULL OR o.correlation = $4) AND ($5::bigint IS NULL OR o.request_id = $5) AND ($6::text IS NULL OR o.error_code = $6)
    AND ($7::text[] IS NULL OR coalesce(d.state, 'Pending') = ANY ($7)) AND ($8::text IS NULL OR starts_with(o.callback_url, $8 || '/'))
    AND ($9::timestamptz IS NULL OR o.created_at > $9) AND ($10::timestamptz IS NULL OR o.created_at < $10)
    AND ($11::timestamptz IS NULL OR o.finished_at > $11) AND ($12::timestamptz IS NULL OR o.finished_at < $12)
    AND ($13::boolean IS NULL OR d.state IN ('Pending', 'Exhausted'))
    AND ($14::text[] IS NULL OR o.rid = ANY ($14)) AND ($15::boolean IS NULL OR o.input IS NOT NULL)`;
const DELIVERIES_MEANT = `
  SELECT d.seq AS number FROM delivery d LEFT JOIN delivery_end x USING (home, seq)
  LEFT JOIN attempt a ON a.home = d.home AND a.delivery_seq = d.seq
  WHERE ($1::text IS NULL OR d.account_id = $1) AND ($2::text[] IS NULL OR coalesce(x.state, 'Pending') = ANY ($2))
    AND ($3::bigint IS NULL OR d.operation_id = $3) AND ($4::text IS NULL OR d.origin = $4) AND ($5::text IS NULL OR d.event_type = $5)
    AND ($6::text IS NULL OR x.state <> 'Delivered' AND a.http_status / 100 = substr($6, 6, 1)::integer)
    AND ($7::timestamptz IS NULL OR d.created_at >= $7) AND ($8::timestamptz IS NULL OR d.created_at < $8)`;

async function meant(sql: string, filter: object, newestFirst: boolean): Promise<string[]> {
  const { rows } = await client.query<{ number: string }>(
    `${sql} ORDER BY 1 ${newestFirst ? 'DESC' : 'ASC'}`,
    Object.values(filter),
  );
  return rows.map(({ number }) => number);
}

async function walked<T>(
  select: (page: PageOf) => Promise<Found<T>>,
  newestFirst: boolean,
  numberOf: (row: T) => string,
): Promise<string[]> {
  const read: string[] = [];
  let after: string | null = null;
  do {
    const { rows, next }: Found<T> = await select({ newestFirst, after, limit: LIMIT });
    for (const row of rows) read.push(numberOf(row));
    after = next;
  } while (after !== null);
  return read;
}

it('finds, page after page, the operations that a filter means and no others, in order', async () => {
  await fc.assert(
    fc.asyncProperty(operationFilter, order, async (filter, newestFirst) => {
      const read = await walked(
        (page) => operations.select(filter, page),
        newestFirst,
        ({ requestId }) => requestId,
      );
      expect(read).toEqual(await meant(OPERATIONS_MEANT, filter, newestFirst));
    }),
    { numRuns: 40 },
  );
}, 120_000);

it('finds, page after page, the deliveries that a filter means and no others, in order', async () => {
  await fc.assert(
    fc.asyncProperty(deliveryFilter, order, async (filter, newestFirst) => {
      const read = await walked(
        (page) => deliveries.select(filter, page),
        newestFirst,
        ({ seq }) => seq,
      );
      expect(read).toEqual(await meant(DELIVERIES_MEANT, filter, newestFirst));
    }),
    { numRuns: 40 },
  );
}, 120_000);
