import type { WakeUps } from '../src/engine/wake-ups.js';
import type { WorkQueue } from '../src/engine/work-queue.js';
import type { QueueBackend } from '../src/engine/queue-backend.js';
import { DeliveryHints, OperationHints } from '../src/engine/engine.module.js';

/** Rows a round takes, as the dispatchers ask for them. */
export const MOST = 200;

/** A backlog, and what a round of dispatch costs on it. */
export interface Scenario {
  readonly name: string;
  readonly rows: number;
  /** Accounts, or origins. */
  readonly owners: number;
  /** URLs that each origin's callbacks go to, 1 unless given. */
  readonly urls?: number;
  /** Owners that have no room beside them, with rows that never move. */
  readonly stuck?: number;
  /** Never analysed, and planned for when the tables were empty. */
  readonly fresh?: boolean;
}

/** One kind of row that is dispatched. Every round starts with the backlog as it was: what was dispatched is put back. */
export interface Kind {
  readonly name: string;
  readonly table: string;
  /** Answers `id` and `epoch` of every row it dispatches. */
  readonly dispatch: string;
  /** The queue that the hints go to. */
  readonly queue: new (backend: QueueBackend, wakeUps: WakeUps) => WorkQueue;
  readonly reset: string;
  fill(scenario: Scenario): string[];
  readonly scenarios: readonly Scenario[];
}

/** Names as long as the product's and the world's are: they are what indexes compare. */
const ACCOUNT = (n: string): string => `'acc_' || md5((${n})::text)`;
const ORIGIN = (n: string, host: string): string => `'https://${host}-' || ${n} || '.customers.example'`;

const OPERATION_COLUMNS =
  'request_id, account_id, type, phase, lease_token, tries, look_at, due_at, priority';
const operationValues = (account: string, phase: string, due: string, priority: number): string =>
  `nextval('record_id'), ${account}, 'echo', CASE ${phase} WHEN 'running' THEN 'placed' ELSE ${phase} END,
   CASE ${phase} WHEN 'running' THEN gen_random_uuid() END, 3, ${due}, ${due}, ${priority}`;

export const OPERATIONS: Kind = {
  name: 'operations',
  table: 'live_operation',
  dispatch: `SELECT request_id AS id, epoch FROM dispatch_operations(${MOST}, interval '1 minute', ${MOST}, '0')`,
  queue: OperationHints,
  // As if they had ended and as many had come, behind the others.
  reset: `WITH gone AS (DELETE FROM live_operation WHERE phase = 'placed' AND priority = 0 RETURNING account_id)
    INSERT INTO live_operation (${OPERATION_COLUMNS}) SELECT ${operationValues('account_id', `'ready'`, 'now()', 0)} FROM gone`,
  fill: ({ rows, owners, stuck = 0 }) => [
    `INSERT INTO account (id, name, slots) SELECT ${ACCOUNT('n')}, n, ${MOST} FROM generate_series(1, ${owners}) n`,
    `INSERT INTO live_operation (${OPERATION_COLUMNS})
     SELECT ${operationValues(ACCOUNT(`n % ${owners} + 1`), `'ready'`, 'now()', 0)} FROM generate_series(1, ${rows}) n`,
    `INSERT INTO account (id, name, slots) SELECT ${ACCOUNT('-n')}, 'stuck' || n, 1 FROM generate_series(1, ${stuck}) n`,
    `INSERT INTO live_operation (${OPERATION_COLUMNS})
     SELECT ${operationValues(ACCOUNT('-n'), 'p', `now() + interval '1 day'`, 1)}
     FROM generate_series(1, ${stuck}) n, unnest(ARRAY['running', 'ready', 'ready']) p`,
  ],
  scenarios: [
    { name: '1,000 of 1 account', rows: 1_000, owners: 1 },
    { name: '100,000 of 1 account', rows: 100_000, owners: 1 },
    { name: '10,000 of 100 accounts', rows: 10_000, owners: 100 },
    { name: '1,000 of 1,000 accounts', rows: 1_000, owners: 1_000 },
    { name: '100,000 of 1,000 accounts', rows: 100_000, owners: 1_000 },
    { name: 'the same, never analysed, planned on empty tables', rows: 100_000, owners: 1_000, fresh: true },
    {
      name: '1,000 of 1 account, beside 1,000 accounts without a free slot',
      rows: 1_000,
      owners: 1,
      stuck: 1_000,
    },
    { name: 'nothing', rows: 0, owners: 1 },
  ],
};

const CALLBACK_COLUMNS = 'seq, home, account_id, origin, lane, receiver, phase, look_at, due_at';
const callbackValues = (origin: string, receiver: string, phase = `'ready'`, due = 'now()'): string =>
  `nextval('record_id'), 1, 'a', ${origin}, ${origin}, ${receiver}, ${phase}, ${due}, ${due}`;
/** Most in flight to an origin: a receiver may have four fifths of it. */
const IN_FLIGHT = MOST * 1.5;

export const DELIVERIES: Kind = {
  name: 'deliveries',
  table: 'live_delivery',
  dispatch: `SELECT seq AS id, epoch FROM dispatch_deliveries(${MOST}, interval '1 minute', ${IN_FLIGHT}, 500, (random() * 9e18)::bigint)`,
  queue: DeliveryHints,
  reset: `WITH gone AS (DELETE FROM live_delivery WHERE phase = 'placed' AND trigger = 'schedule' RETURNING origin, receiver)
    INSERT INTO live_delivery (${CALLBACK_COLUMNS}) SELECT ${callbackValues('origin', 'receiver')} FROM gone`,
  fill: ({ rows, owners, urls = 1, stuck = 0 }) => [
    `INSERT INTO origin (name, proven_at) SELECT ${ORIGIN('n', 'hooks')}, now() FROM generate_series(0, ${owners - 1}) n`,
    `INSERT INTO live_delivery (${CALLBACK_COLUMNS})
     SELECT ${callbackValues('o', `receiver_of('a', o || '/' || n / ${owners} % ${urls})`)}
     FROM generate_series(1, ${rows}) n, LATERAL (SELECT ${ORIGIN(`n % ${owners}`, 'hooks')} AS o) o`,
    `INSERT INTO receiver (lane, receiver, answers) SELECT DISTINCT lane, receiver, true FROM live_delivery`,
    // Paused for disabled endpoints, and origins that are full.
    `INSERT INTO account (id, name, slots) VALUES ('a', 'a', 1)`,
    `INSERT INTO endpoint (id, account_id, url, origin, description, events, signature_profile, disabled_at)
     SELECT 'ep_' || md5(n::text), 'a', o, o, '', '{}', 'standard', now()
     FROM generate_series(1, ${stuck}) n, LATERAL (SELECT ${ORIGIN('n', 'paused')} AS o) o`,
    `INSERT INTO live_delivery (seq, home, account_id, endpoint_id, origin, lane, phase, look_at, due_at)
     SELECT nextval('record_id'), 1, 'a', e.id, e.origin, e.id, 'paused', 'infinity', 'infinity'
     FROM endpoint e, generate_series(1, 10)`,
    `INSERT INTO live_delivery (${CALLBACK_COLUMNS}, trigger)
     SELECT ${callbackValues('o', `receiver_of('a', o)`, 'p', `now() + interval '1 day'`)}, 'manual'
     FROM generate_series(1, ${stuck}) n, unnest(ARRAY['placed', 'ready', 'ready']) p, LATERAL (SELECT ${ORIGIN('n', 'full')} AS o) o`,
  ],
  scenarios: [
    { name: '1,000 to 1 origin', rows: 1_000, owners: 1 },
    { name: '100,000 to 1 origin', rows: 100_000, owners: 1 },
    { name: '10,000 to 100 origins', rows: 10_000, owners: 100 },
    { name: '100,000 to 100,000 URLs of 1 origin', rows: 100_000, owners: 1, urls: 100_000 },
    { name: '10,000 to 100 origins, 100 URLs each', rows: 10_000, owners: 100, urls: 100 },
    { name: '1,000 to 1,000 origins', rows: 1_000, owners: 1_000 },
    { name: '100,000 to 1,000 origins', rows: 100_000, owners: 1_000 },
    { name: 'the same, never analysed, planned on empty tables', rows: 100_000, owners: 1_000, fresh: true },
    {
      name: '1,000 to 1 origin, beside 1,000 full origins and 10,000 paused for 1,000 endpoints',
      rows: 1_000,
      owners: 1,
      stuck: 1_000,
    },
    { name: 'nothing', rows: 0, owners: 1 },
  ],
};
