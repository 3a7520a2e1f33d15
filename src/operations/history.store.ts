import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { GroupCommit } from '../database/group-commit.js';
import { Rows } from '../database/rows.js';
import { HistoryEntryEntity } from './operation.entity.js';

/** What a running handler has told since the last record. */
export interface Report {
  readonly requestId: string;
  readonly leaseToken: string;
  /** The newest progress and status text, or null when only lines were logged. */
  readonly progress: { readonly percent: number; readonly text: string } | null;
  readonly entries: readonly {
    readonly kind: 'progress' | 'log';
    readonly progress: number | null;
    readonly text: string;
  }[];
}

/**
 * Entries `e` of a request of the gateway that its caller waits for: progress, why a try gave no answer, why there will be
 * none, and the `done` that ends them.
 */
const TOLD = `(e.kind = 'progress' OR (e.kind = 'log' AND e.text = 'done')
  OR (e.kind = 'transition' AND (e.state IN ('Failed', 'Canceled') OR (e.state = 'Waiting' AND e.text <> 'Accepted'))))`;

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
    const entries = reports.flatMap((report) =>
      report.entries.map((entry) => ({ ...entry, requestId: report.requestId })),
    );
    const rows = await this.database.query<{ request_id: string; stands: number }>(
      `WITH report AS (
         SELECT r.*, coalesce(r.progress, o.progress) AS stands FROM unnest($1::bigint[], $2::uuid[], $3::real[], $4::text[]) AS r (request_id, token, progress, text)
         JOIN operation o USING (request_id) WHERE o.lease_token = r.token AND o.phase = 'running'
         ORDER BY request_id FOR UPDATE OF o
       ), told AS (
         UPDATE operation o SET progress = r.progress, status_text = r.text
         FROM report r WHERE o.request_id = r.request_id AND r.text IS NOT NULL
       ), noted AS (
         INSERT INTO history_entry (operation_id, kind, progress, text)
         SELECT e.request_id, e.kind, e.progress, e.text
         FROM unnest($5::bigint[], $6::text[], $7::real[], $8::text[]) WITH ORDINALITY AS e (request_id, kind, progress, text, place)
         JOIN report r USING (request_id) ORDER BY e.place
       )
       SELECT request_id, stands FROM report`,
      [
        reports.map((r) => r.requestId),
        reports.map((r) => r.leaseToken),
        reports.map((r) => r.progress?.percent ?? null),
        reports.map((r) => r.progress?.text ?? null),
        entries.map((e) => e.requestId),
        entries.map((e) => e.kind),
        entries.map((e) => e.progress),
        entries.map((e) => e.text),
      ],
    );
    const held = new Map(rows.map((row) => [row.request_id, row.stands]));
    return reports.map((report) => held.get(report.requestId) ?? null);
  }

  /** Records progress that comes from outside the worker, as an entry where it has a text; false when the operation isn't Executing. */
  async recordFromOutside(
    requestId: string,
    progress: { readonly percent: number | null; readonly text: string | null },
  ): Promise<boolean> {
    const rows = await this.database.query(
      `WITH told AS (
         UPDATE operation SET progress = coalesce($2, progress), status_text = coalesce($3, status_text)
         WHERE request_id = $1 AND state = 'Executing' RETURNING request_id, progress, status_text
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
   * written while the operation's row is locked, so their ids follow the order of their commits.
   */
  list(operationId: string, after: string, limit: number): Promise<HistoryEntryEntity[]> {
    return this.reads.add({ operationId, after, limit, told: false });
  }

  /** The same, of what the callers of the gateway are told unless they ask for more. */
  listTold(operationId: string, after: string, limit: number): Promise<HistoryEntryEntity[]> {
    return this.reads.add({ operationId, after, limit, told: true });
  }

  /** An entry's id that a reader names, or that of the operation's last entry where it is ahead of that: ids are of all operations. */
  async seen(operationId: string, named: string): Promise<string> {
    const [row] = await this.database.query<{ id: string }>(
      'SELECT least($2::bigint, max(id)) AS id FROM history_entry WHERE operation_id = $1',
      [operationId, named],
    );
    return row!.id;
  }

  private async listMany(asks: Ask[]): Promise<HistoryEntryEntity[][]> {
    const distinct = [...new Map(asks.map((ask) => [keyOf(ask), ask])).values()];
    const rows = await this.database.query<{ ask: string }>(
      `SELECT h.*, a.ask FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::boolean[]) WITH ORDINALITY AS a (operation_id, after, most, told, ask)
       CROSS JOIN LATERAL (
         SELECT * FROM history_entry e WHERE e.operation_id = a.operation_id AND e.id > a.after AND (NOT a.told OR ${TOLD})
         ORDER BY e.id LIMIT a.most
       ) h ORDER BY a.ask, h.id`,
      [
        distinct.map((a) => a.operationId),
        distinct.map((a) => a.after),
        distinct.map((a) => a.limit),
        distinct.map((a) => a.told),
      ],
    );
    const answers = new Map(distinct.map((ask) => [keyOf(ask), [] as HistoryEntryEntity[]]));
    for (const row of rows)
      answers.get(keyOf(distinct[Number(row.ask) - 1]!))!.push(this.rows.to(HistoryEntryEntity, row));
    return asks.map((ask) => answers.get(keyOf(ask))!);
  }
}

/** Which entries a reader wants. */
interface Ask {
  readonly operationId: string;
  readonly after: string;
  readonly limit: number;
  /** Only what `TOLD` lets through. */
  readonly told: boolean;
}

function keyOf({ operationId, after, limit, told }: Ask): string {
  return `${operationId} ${after} ${limit} ${told}`;
}
