import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { Database } from '../../database/database.js';
import { GroupCommit } from '../../database/group-commit.js';
import { Fleet } from '../../engine/fleet.js';
import type { Hint } from '../../engine/hint.js';

/** What `dispatch_round` answers; all null where it was refused. */
interface DispatchedRow {
  readonly request_id: string | null;
  readonly epoch: number | null;
  readonly again: boolean;
  readonly next_s: number | null;
}

/** What a round has found. */
export interface Dispatched {
  readonly lost: Hint[];
  readonly fresh: Hint[];
  readonly nextS: number | null;
}

/** Fewest operations that may wait for a worker at once: one that becomes free finds the next without a round in between. */
const MIN_DISPATCHED = 4;
const MAX_DISPATCHED = 200;

/** As many as the workers could run: more would wait in the queue, where no other account's can overtake them. */
export function maxDispatched({ concurrency }: OperationConfig, { workers }: Fleet): number {
  const places = concurrency * workers;
  return Math.min(Math.max(places, MIN_DISPATCHED), MAX_DISPATCHED);
}

/** Every statement by which operations find a worker. */
@Injectable()
export class DispatchStore {
  private readonly returns = new GroupCommit((hints: Hint[]) => this.returnMany(hints));

  constructor(
    private readonly database: Database,
    private readonly config: OperationConfig,
    private readonly fleet: Fleet,
  ) {}

  /**
   * Finds due operations, reserves their slots and answers the hints to send; after an outage it spares leases first.
   * Hints are taken for lost `patienceS` after they are due. Null where somebody else dispatches. `nextS`: after so many seconds a
   * flow key has room for what waits for it; null: none, as far as is known.
   */
  async dispatch(most: number, patienceS: number): Promise<Dispatched | null> {
    const rows = await this.database.query<DispatchedRow>(
      'SELECT * FROM dispatch_round(spare_leases($1, make_interval(secs => $5)), make_interval(secs => $2), $3, make_interval(secs => $4))',
      [most, this.config.redispatchS, maxDispatched(this.config, this.fleet), patienceS, this.config.leaseS],
    );
    if (rows[0]?.epoch === null) return null;
    const hints = (lost: boolean): Hint[] =>
      rows.flatMap(({ request_id: id, epoch, again }) =>
        id !== null && again === lost ? [{ id, epoch: epoch! }] : [],
      );
    return { lost: hints(true), fresh: hints(false), nextS: rows.at(-1)?.next_s ?? null };
  }

  /** Looks for an outage, after which leases are spared, where nothing is dispatched. */
  async spareLeases(): Promise<void> {
    await this.database.query('SELECT spare_leases(0, make_interval(secs => $1))', [this.config.leaseS]);
  }

  /** What runs apart and that nobody runs. */
  async findApart(most: number): Promise<Hint[]> {
    const rows = await this.database.query<{ request_id: string; epoch: number }>(
      'SELECT * FROM find_apart($1)',
      [most],
    );
    return rows.map(({ request_id, epoch }) => ({ id: request_id, epoch }));
  }

  /** Makes a hint that this process won't follow due at once, for others. */
  returnHint(hint: Hint): Promise<void> {
    return this.returns.add(hint);
  }

  private async returnMany(hints: Hint[]): Promise<void[]> {
    await this.database.query(
      `UPDATE live_operation o SET phase = 'ready', dispatched_at = NULL, look_at = now(), due_at = now()
       FROM unnest($1::bigint[], $2::integer[]) AS h (request_id, epoch)
       WHERE o.request_id = h.request_id AND o.epoch = h.epoch AND o.phase = 'placed' AND o.lease_token IS NULL`,
      [hints.map((hint) => hint.id), hints.map((hint) => hint.epoch)],
    );
    return hints.map(() => undefined);
  }
}
