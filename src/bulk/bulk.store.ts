import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { jsonRows } from '../database/json-rows.js';
import { pageParameters } from '../database/page-of.js';
import { Rows } from '../database/rows.js';
import { OperationEntity } from '../operations/operation.entity.js';
import { wantedOperations } from '../operations/read/operation-filter.js';
import type { BulkInput, BulkResult } from './bulk-input.js';

/** How far a bulk action has come. */
export interface Checkpoint extends BulkResult {
  /** The last number that was looked at. */
  readonly reached: string;
}

/** A checkpoint with the text that is stored of it, by which a step knows what it goes on from. */
export interface StoredCheckpoint {
  readonly at: Checkpoint;
  readonly text: string;
}

/** One step: what it does to which rows, and where the action stands then, but for what it did. */
export interface BulkStep {
  readonly act: 'rerun' | 'redeliver' | 'cancel' | null;
  readonly things: readonly object[];
  readonly next: Checkpoint;
}

/** The step that comes next, and what comes after it. */
export interface PlannedStep extends BulkStep {
  /** Seconds until there is more to do; 0 for at once. */
  readonly waitS: number;
  /** Nothing is left after it. */
  readonly over: boolean;
  /** To be called when it was taken, or won't be. */
  settle(taken: boolean): void;
}

/** Whose run it is. */
export interface BulkRun {
  readonly requestId: string;
  readonly leaseToken: string;
}

interface Counted {
  readonly count: number;
  readonly next: string | null;
}

/** Numbers that one statement counts at the most. */
const COUNTED = 10_000;

/** Every statement of bulk actions. Each is bounded. */
@Injectable()
export class BulkStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  /** How many a filter means now. Counted on until `over` says that nobody waits for it. */
  async count(input: BulkInput, over: () => boolean = () => false): Promise<number> {
    const [page, wanted] =
      input.of === 'operations'
        ? ['page_of_operations', wantedOperations(input.filter)]
        : ['page_of_deliveries', input.filter];
    let counted = 0;
    let after: string | null = null;
    do {
      const rows: Counted[] = await this.database.query<Counted>(
        `SELECT cardinality(p.numbers) AS count, p.next FROM ${page}($1, $2, $3, $4) p`,
        pageParameters(wanted, { newestFirst: false, after, limit: COUNTED }),
      );
      counted += rows[0]!.count;
      after = rows[0]!.next;
    } while (after !== null && !over());
    return counted;
  }

  /** Where the runs before this one have come; null where it is the first. */
  async checkpoint({ requestId, leaseToken }: BulkRun): Promise<StoredCheckpoint | null> {
    const [row] = await this.database.query<{ checkpoint: string | null }>(
      'SELECT checkpoint FROM live_operation WHERE request_id = $1 AND lease_token = $2',
      [requestId, leaseToken],
    );
    return stored(row?.checkpoint ?? null);
  }

  /**
   * Takes a step from where the action is known to stand, all of it or nothing, and once however often it is asked for. Answers
   * where it stands then; null where the run isn't ours any more.
   */
  async step(run: BulkRun, stood: string | null, step: BulkStep): Promise<StoredCheckpoint | null> {
    const [row] = await this.database.query<{ checkpoint: string | null }>(
      'SELECT step_bulk($1, $2, $3, $4, $5, $6) AS checkpoint',
      [run.requestId, run.leaseToken, stood, JSON.stringify(step.next), step.act, jsonRows([...step.things])],
    );
    return stored(row!.checkpoint);
  }

  /** What is stored of the operations that are to be run again; not what became of them. */
  async submitted(requestIds: readonly string[]): Promise<Map<string, OperationEntity>> {
    const rows = await this.database.query<object>(
      `SELECT o.*, e.emptied_at, e.erased_at FROM unnest($1::bigint[]) AS n (request_id)
       CROSS JOIN LATERAL (SELECT * FROM operation r WHERE r.request_id = n.request_id OFFSET 0) o
       LEFT JOIN LATERAL (SELECT emptied_at, erased_at FROM operation_end r WHERE r.request_id = n.request_id OFFSET 0) e ON true`,
      [requestIds],
    );
    const operations = rows.map((row) => this.rows.to(OperationEntity, row));
    return new Map(operations.map((operation) => [operation.requestId, operation]));
  }
}

function stored(text: string | null): StoredCheckpoint | null {
  return text === null ? null : { at: JSON.parse(text) as Checkpoint, text };
}
