import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { Database } from '../../database/database.js';
import { UnservedStore } from './unserved.store.js';

/** What was accepted against what has ended and what is live: as of one snapshot, so that they agree at every instant. Ages are seconds. */
export interface Ledger {
  /** Booked when operations were accepted, less those that were deleted. */
  readonly accepted: number;
  /** Live ones, counted. */
  readonly waiting: number;
  readonly executing: number;
  /** Booked when they ended, less those that were deleted; so are callbacks. */
  readonly finished: number;
  readonly failed: number;
  readonly canceled: number;
  /** Booked: ended operations that have a callback. */
  readonly destined: number;
  /** Live callbacks, counted. */
  readonly pending: number;
  readonly delivered: number;
  readonly exhausted: number;
  readonly deliveriesCanceled: number;
  /** Slots that are taken: operations that run, or that a worker is told of. */
  readonly slotsUsed: number;
  /** Operations that a worker runs: of the executing ones those that don't just await somebody or something. */
  readonly running: number;
  /**
   * How long the row that has been left lying longest has been due: for the dispatcher, or for a worker after one more hint
   * than gets lost now and then; and for how long one could have run, from a minute on. 0 when none is overdue.
   */
  readonly oldestOverdueS: number;
  /** Of Waiting operations whose time has come, and whose flow key has room: since when the first has waited for a slot and a worker. */
  readonly oldestWaitingS: number;
  /** Of deliveries whose time has come: since when the first has waited for its origin's room and a worker. */
  readonly oldestUndeliveredS: number;
}

/** Operations of a type in a state. */
export interface TypeCount {
  readonly type: string;
  readonly state: string;
  readonly count: number;
  /** Of Waiting ones whose time has come: for how long the first has waited, seconds; else 0. */
  readonly oldestWaitingS: number;
}

/**
 * Since when the first row of a live table is overdue; `$1` is when a hint counts as lost, seconds. A dispatched row is due anew with
 * each hint, so that counts from the first one: where no worker takes any, the dispatcher alone would never be late.
 */
const OVERDUE_SINCE = `min(CASE WHEN phase IN ('scheduled', 'apart', 'awaiting', 'aside') OR lease_token IS NOT NULL THEN due_at
             WHEN phase = 'placed' THEN least(due_at, dispatched_at + make_interval(secs => $1)) END)`;

const sum = (column: string, of: string, state: string): string =>
  `(SELECT coalesce(sum(${column}), 0) FROM ${of} WHERE state = '${state}')`;

/** The ledger. What has ended is booked, and what is live is counted: no record is read. */
@Injectable()
export class LedgerStore {
  constructor(
    private readonly database: Database,
    private readonly config: OperationConfig,
    private readonly unserved: UnservedStore,
  ) {}

  /** Both sides of the ledger, and operations by type, as of one snapshot. */
  async read(): Promise<{ ledger: Ledger; types: TypeCount[] }> {
    const [row] = await this.database.query<{ ledger: Ledger; types: TypeCount[] | null }>(
      `WITH live AS (
         SELECT type, CASE WHEN phase IN ('placed', 'apart') AND lease_token IS NOT NULL OR awaits IS NOT NULL THEN 'Executing' ELSE 'Waiting' END AS state, count(*) AS count,
           count(*) FILTER (WHERE phase IN ('placed', 'awaiting')) AS slots,
           count(*) FILTER (WHERE phase IN ('placed', 'apart') AND lease_token IS NOT NULL) AS running,
           min(coalesce(run_at, waits_since)) FILTER (WHERE phase NOT IN ('scheduled', 'keyed') AND awaits IS NULL AND lease_token IS NULL) AS waits_since,
           ${OVERDUE_SINCE} AS overdue_since
         FROM live_operation GROUP BY 1, 2
       ), owed AS (
         SELECT count(*) FILTER (WHERE operation_id IS NOT NULL AND endpoint_id IS NULL) AS pending,
           min(run_at) FILTER (WHERE phase = 'ready') AS waits_since, ${OVERDUE_SINCE} AS overdue_since
         FROM live_delivery
       ), booked AS (
         SELECT type, state, sum(accepted) AS accepted, sum(ended) AS ended, sum(destined) AS destined, sum(callbacks) AS callbacks
         FROM (
           SELECT type, state, accepted, ended, destined, callbacks FROM ledger
           UNION ALL SELECT type, state, accepted, ended, destined, callbacks FROM ledger_entry
         ) b GROUP BY type, state
       ), counted AS (
         SELECT type, state, count, waits_since FROM live
         UNION ALL SELECT type, state, ended, NULL FROM booked WHERE type <> '' AND ended <> 0
       )
       SELECT json_build_object(
         'accepted', (SELECT coalesce(sum(accepted), 0) FROM booked),
         ${['Waiting', 'Executing'].map((state) => `'${state.toLowerCase()}', ${sum('count', 'live', state)}`).join(', ')},
         ${['Finished', 'Failed', 'Canceled'].map((state) => `'${state.toLowerCase()}', ${sum('ended', 'booked', state)}`).join(', ')},
         'destined', (SELECT coalesce(sum(destined), 0) FROM booked), 'pending', (SELECT pending FROM owed),
         ${['Delivered', 'Exhausted'].map((state) => `'${state.toLowerCase()}', ${sum('callbacks', 'booked', state)}`).join(', ')},
         'deliveriesCanceled', ${sum('callbacks', 'booked', 'Canceled')},
         'slotsUsed', (SELECT coalesce(sum(slots), 0) FROM live),
         'running', (SELECT coalesce(sum(running), 0) FROM live),
         'oldestOverdueS', (SELECT coalesce(greatest(0, extract(epoch FROM now() - least((SELECT min(overdue_since) FROM live), overdue_since,
           (SELECT min(due_at) FROM schedule WHERE due_at IS NOT NULL), (SELECT min(due_at) FROM live_poll), (SELECT min(look_at) FROM flow WHERE look_at IS NOT NULL)))), 0) FROM owed),
         'oldestWaitingS', (SELECT coalesce(greatest(0, extract(epoch FROM now() - min(waits_since))), 0) FROM live),
         'oldestUndeliveredS', (SELECT coalesce(greatest(0, extract(epoch FROM now() - waits_since)), 0) FROM owed)
       ) AS ledger, (SELECT json_agg(json_build_object('type', type, 'state', state, 'count', count,
         'oldestWaitingS', coalesce(greatest(0, extract(epoch FROM now() - waits_since)), 0))) FROM counted) AS types`,
      [this.config.redispatchS],
    );
    const { ledger, types } = row!;
    const oldestOverdueS = Math.max(ledger.oldestOverdueS, await this.unserved.oldestS());
    return { ledger: { ...ledger, oldestOverdueS }, types: types ?? [] };
  }

  /** Adds entries up into a row for each type and state, so that reading them stays cheap; answers how many. */
  async addUp(most: number): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      `WITH taken AS (
         DELETE FROM ledger_entry WHERE id IN (SELECT id FROM ledger_entry ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING type, state, accepted, ended, destined, callbacks
       ), added AS (
         INSERT INTO ledger (type, state, accepted, ended, destined, callbacks)
         SELECT type, state, sum(accepted), sum(ended), sum(destined), sum(callbacks) FROM taken GROUP BY type, state ORDER BY type, state
         ON CONFLICT (type, state) DO UPDATE SET accepted = ledger.accepted + excluded.accepted, ended = ledger.ended + excluded.ended,
           destined = ledger.destined + excluded.destined, callbacks = ledger.callbacks + excluded.callbacks
       )
       SELECT count(*)::integer AS count FROM taken`,
      [most],
    );
    return row!.count;
  }
}

/** Whether nothing was lost: every accepted operation is live or has ended, and every ended one that has a callback owes or owed it. */
export function isBalanced(ledger: Ledger): boolean {
  const { waiting, executing, finished, failed, canceled } = ledger;
  const { pending, delivered, exhausted, deliveriesCanceled } = ledger;
  return (
    ledger.accepted === waiting + executing + finished + failed + canceled &&
    ledger.destined === pending + delivered + exhausted + deliveriesCanceled
  );
}
