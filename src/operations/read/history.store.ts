import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { GroupCommit } from '../../database/group-commit.js';
import { jsonRows } from '../../database/json-rows.js';
import { Rows } from '../../database/rows.js';
import { HistoryEntryEntity } from '../operation.entity.js';

/** What a running handler has told since the last record. */
export interface Report {
  readonly requestId: string;
  readonly leaseToken: string;
  /** The newest progress and status text, of which null stays as it was; null when only lines were logged. */
  readonly progress: { readonly percent: number | null; readonly text: string | null } | null;
  readonly entries: readonly {
    readonly kind: 'progress' | 'log';
    readonly progress: number | null;
    /** Null, of progress: the text that stands. */
    readonly text: string | null;
  }[];
}

/** The history of operations: what happened, in order. */
@Injectable()
export class HistoryStore {
  private readonly records = new GroupCommit((reports: Report[]) => this.recordMany(reports), {
    lanes: 1,
    rowOf: (report) => report.requestId,
  });

  private readonly reads = new GroupCommit((asks: Ask[]) => this.listMany(asks));

  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  /**
   * Records progress and log lines of a run, and answers the progress that now stands, which another process may have told;
   * null when the run is no longer the lease's holder.
   */
  record(report: Report): Promise<number | null> {
    return this.records.add(report);
  }

  private async recordMany(reports: Report[]): Promise<(number | null)[]> {
    const rows = await this.database.query<{ request_id: string; progress: number }>(
      'SELECT * FROM report_progress($1)',
      [
        jsonRows(
          reports
            .toSorted((one, other) => Number(BigInt(one.requestId) - BigInt(other.requestId)))
            .map(({ requestId, leaseToken, progress, entries }) => ({
              request_id: requestId,
              token: leaseToken,
              progress: progress?.percent,
              text: progress?.text,
              entries,
            })),
        ),
      ],
    );
    const held = new Map(rows.map((row) => [row.request_id, row.progress]));
    return reports.map((report) => held.get(report.requestId) ?? null);
  }

  /** Records progress that comes from outside the worker, as an entry where it has a text; false when the operation isn't Executing. */
  async recordFromOutside(
    requestId: string,
    progress: { readonly percent: number | null; readonly text: string | null },
  ): Promise<boolean> {
    const rows = await this.database.query(
      `WITH told AS (
         UPDATE live_operation SET progress = coalesce($2, progress), status_text = coalesce($3, status_text)
         WHERE request_id = $1 AND phase = 'placed' AND lease_token IS NOT NULL RETURNING request_id, progress, status_text
       ), noted AS (
         INSERT INTO history_entry (operation_id, kind, progress, text)
         SELECT request_id, 'progress', progress, status_text FROM told WHERE $3::text IS NOT NULL
       )
       SELECT request_id FROM told`,
      [requestId, progress.percent, progress.text],
    );
    return rows.length > 0;
  }

  /**
   * Entries of an operation after entry `after`, oldest first. Callers that ask at the same time share a statement. Entries are
   * written while the operation's live row is locked, so their ids follow the order of their commits.
   */
  list(operationId: string, after: string, limit: number): Promise<HistoryEntryEntity[]> {
    return this.reads.add({ operationId, after, limit, told: false });
  }

  /**
   * The same, of what the callers of the gateway are told unless they ask for more: progress, why a try gave no answer, why there
   * will be none, and the `done` that ends them.
   */
  listTold(operationId: string, after: string, limit: number): Promise<HistoryEntryEntity[]> {
    return this.reads.add({ operationId, after, limit, told: true });
  }

  /** An entry's id that a reader names, or that of the operation's last entry where it is ahead of that: ids are of all operations. */
  async seen(operationId: string, named: string): Promise<string> {
    const [row] = await this.database.query<{ id: string }>(
      `SELECT least($2::bigint, greatest(1, (
           SELECT h.id FROM history_entry h WHERE h.operation_id = $1 ORDER BY h.operation_id DESC, h.id DESC LIMIT 1
         ), (
           SELECT max((line::json ->> 0)::bigint) FROM (
             SELECT e.transitions FROM operation_end e WHERE e.request_id = $1
             UNION ALL
             SELECT l.transitions FROM live_operation l WHERE l.request_id = $1
           ) t CROSS JOIN LATERAL string_to_table(t.transitions, E'\\n') AS line))) AS id`,
      [operationId, named],
    );
    return row!.id;
  }

  private async listMany(asks: Ask[]): Promise<HistoryEntryEntity[][]> {
    const distinct = [...new Map(asks.map((ask) => [keyOf(ask), ask])).values()];
    const rows = await this.database.query<{ reader: string }>('SELECT * FROM read_history($1, $2, $3, $4)', [
      distinct.map((a) => a.operationId),
      distinct.map((a) => a.after),
      distinct.map((a) => a.limit),
      distinct.map((a) => a.told),
    ]);
    const answers = new Map(distinct.map((ask) => [keyOf(ask), [] as HistoryEntryEntity[]]));
    for (const row of rows)
      answers.get(keyOf(distinct[Number(row.reader) - 1]!))!.push(this.rows.to(HistoryEntryEntity, row));
    return asks.map((ask) => answers.get(keyOf(ask))!);
  }
}

/** Which entries a reader wants. */
interface Ask {
  readonly operationId: string;
  readonly after: string;
  readonly limit: number;
  /** Only what callers of the gateway are told. */
  readonly told: boolean;
}

function keyOf({ operationId, after, limit, told }: Ask): string {
  return `${operationId} ${after} ${limit} ${told}`;
}
