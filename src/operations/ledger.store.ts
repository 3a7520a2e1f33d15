import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../config/config.js';
import { Database } from '../database/database.js';
import { UnservedStore } from './unserved.store.js';

/** What was accepted against what there is: both sides from one snapshot, so that they agree at every instant. Ages are seconds. */
export interface Ledger {
  /** Booked when operations were accepted, less those that retention deleted. */
  readonly accepted: number;
  readonly waiting: number;
  readonly executing: number;
  readonly finished: number;
  readonly failed: number;
  readonly canceled: number;
  /** Booked: ended operations that have a callback. */
  readonly destined: number;
  readonly pending: number;
  readonly delivered: number;
  readonly exhausted: number;
  readonly deliveriesCanceled: number;
  /** Slots that are taken: operations that run, or that a worker is told of. */
  readonly slotsUsed: number;
  /**
   * How long the row that has been left lying longest has been due: for the dispatcher, or for a worker after one more hint
   * than gets lost now and then; and for how long one could have run, from a minute on. 0 when none is overdue.
   */
  readonly oldestOverdueS: number;
  /** Of Waiting operations whose time has come: since when the first has waited for a slot and a worker. */
  readonly oldestWaitingS: number;
  /** Of deliveries whose time has come: since when the first has waited for its origin's room and a worker. */
  readonly oldestOwedS: number;
}

/** Operations of a type in a state. */
export interface TypeCount {
  readonly type: string;
  readonly state: string;
  readonly count: number;
}

/**
 * Since when the first row of a table is overdue; `$1` is when a hint counts as lost, seconds. A hinted row is due anew with each
 * hint, so that counts from the first one: where no worker takes any, the dispatcher alone would never be late.
 */
const OVERDUE_SINCE = (table: string): string => `
           (SELECT min(due_at) FROM ${table} WHERE phase = 'scheduled'), (SELECT min(due_at) FROM ${table} WHERE phase = 'running'),
           (SELECT min(least(due_at, hinted_at + make_interval(secs => $1))) FROM ${table} WHERE phase = 'hinted')`;

/**
 * The ledger. Ended rows, which are most, are counted from small indexes alone (`operation_sweep`, `delivery_ended`); live
 * ones by the partial indexes that the dispatcher uses. No table is read whole.
 */
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
         SELECT type, state, count(*) AS count, count(callback_url) AS destined,
           count(*) FILTER (WHERE phase IN ('hinted', 'running')) AS slots,
           min(coalesce(run_at, created_at)) FILTER (WHERE phase IN ('ready', 'hinted')) AS waits_since
         FROM (
           SELECT type, state, phase, callback_url, run_at, created_at FROM operation WHERE phase = 'ready'
           UNION ALL
           SELECT type, state, phase, callback_url, run_at, created_at FROM operation WHERE phase IN ('scheduled', 'hinted', 'running')
         ) l GROUP BY type, state
       ), counted AS (
         SELECT type, state, count FROM live
         UNION ALL SELECT type, state, count(*) FROM operation WHERE due_at IS NULL GROUP BY type, state
       ), owed AS (
         SELECT 'Pending' AS state, count(*) AS count FROM (
           SELECT FROM delivery WHERE phase = 'ready' AND destination = 'callback'
           UNION ALL SELECT FROM delivery WHERE phase IN ('scheduled', 'hinted', 'running') AND destination = 'callback'
         ) p
         UNION ALL SELECT state, count(*) FROM delivery WHERE phase IS NULL AND destination = 'callback' GROUP BY state
       ), booked AS (
         SELECT sum(accepted) AS accepted, sum(destined) AS destined
         FROM (SELECT accepted, destined FROM ledger UNION ALL SELECT accepted, destined FROM ledger_entry) b
       ), overdue AS (
         SELECT least(${['operation', 'delivery'].map(OVERDUE_SINCE).join(', ')}) AS since
       )
       SELECT json_build_object(
         'accepted', (SELECT accepted FROM booked),
         ${['Waiting', 'Executing', 'Finished', 'Failed', 'Canceled'].map((state) => `'${state.toLowerCase()}', (SELECT coalesce(sum(count), 0) FROM counted WHERE state = '${state}')`).join(', ')},
         'destined', (SELECT destined FROM booked) - (SELECT coalesce(sum(destined), 0) FROM live),
         ${['Pending', 'Delivered', 'Exhausted', 'Canceled'].map((state) => `'${state === 'Canceled' ? 'deliveriesCanceled' : state.toLowerCase()}', (SELECT coalesce(sum(count), 0) FROM owed WHERE state = '${state}')`).join(', ')},
         'slotsUsed', (SELECT coalesce(sum(slots), 0) FROM live),
         'oldestOverdueS', (SELECT coalesce(greatest(0, extract(epoch FROM now() - since)), 0) FROM overdue),
         'oldestWaitingS', (SELECT coalesce(greatest(0, extract(epoch FROM now() - min(waits_since))), 0) FROM live),
         'oldestOwedS', (SELECT coalesce(greatest(0, extract(epoch FROM now() - min(run_at))), 0) FROM delivery WHERE phase = 'ready')
       ) AS ledger, (SELECT json_agg(json_build_object('type', type, 'state', state, 'count', count)) FROM counted) AS types`,
      [this.config.redispatchS],
    );
    const { ledger, types } = row!;
    const oldestOverdueS = Math.max(ledger.oldestOverdueS, await this.unserved.oldestS());
    return { ledger: { ...ledger, oldestOverdueS }, types: types ?? [] };
  }

  /** Adds entries up into the one row, so that reading it stays cheap; answers how many. */
  async addUp(most: number): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      `WITH taken AS (
         DELETE FROM ledger_entry WHERE id IN (SELECT id FROM ledger_entry ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING accepted, destined
       ), added AS (
         UPDATE ledger SET accepted = ledger.accepted + t.accepted, destined = ledger.destined + t.destined
         FROM (SELECT sum(accepted) AS accepted, sum(destined) AS destined FROM taken HAVING count(*) > 0) t
       )
       SELECT count(*)::integer AS count FROM taken`,
      [most],
    );
    return row!.count;
  }
}

/** Whether nothing was lost: every accepted operation is there, and every ended one that has a callback owes or owed it. */
export function isBalanced(ledger: Ledger): boolean {
  const { waiting, executing, finished, failed, canceled } = ledger;
  const { pending, delivered, exhausted, deliveriesCanceled } = ledger;
  return (
    ledger.accepted === waiting + executing + finished + failed + canceled &&
    ledger.destined === pending + delivered + exhausted + deliveriesCanceled
  );
}
