import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { Database } from '../../database/database.js';
import { GroupCommit } from '../../database/group-commit.js';
import { jsonRows } from '../../database/json-rows.js';
import { Rows } from '../../database/rows.js';
import { OperationHints } from '../../engine/engine.module.js';
import { Fleet } from '../../engine/fleet.js';
import { OperationEntity } from '../operation.entity.js';
import { acceptRow, fresh, keyRow, type NewOperation, tokenRow } from '../operation-rows.js';
import { maxDispatched } from '../run/dispatch.store.js';

/** Every statement of a submit: the accept, for many rows, and what its answer makes of a silent end. */
@Injectable()
export class AcceptStore {
  // One lane, so that ids follow the order in which this process was asked.
  private readonly accepts = new GroupCommit((items: NewOperation[]) => this.acceptMany(items), {
    lanes: 1,
    most: 250,
  });

  private apart: (() => void) | undefined;

  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
    private readonly hints: OperationHints,
    private readonly config: OperationConfig,
    private readonly fleet: Fleet,
  ) {}

  /** Called where this process has accepted one that runs apart. */
  onApart(listener: () => void): void {
    this.apart = listener;
  }

  /** Commits a new operation; null when its idempotency key was taken. */
  accept(operation: NewOperation): Promise<OperationEntity | null> {
    return this.accepts.add(operation);
  }

  /** The same for one that runs apart: it gets no slot and waits for none. */
  async acceptApart(operation: NewOperation): Promise<OperationEntity | null> {
    const [row] = await this.database.query('SELECT * FROM accept_apart($1, $2)', [
      jsonRows([acceptRow(operation)]),
      operation.idempotency === null ? null : jsonRows([keyRow(operation)]),
    ]);
    if (!row) return null;
    this.apart?.();
    return fresh(operation, this.rows.to(OperationEntity, row));
  }

  /** Lets the operation's end call back at once; false when it has ended already, in silence. */
  async speakUp(requestId: string): Promise<boolean> {
    const rows = await this.database.query(
      'UPDATE live_operation SET silent_until = NULL WHERE request_id = $1 RETURNING request_id',
      [requestId],
    );
    return rows.length > 0;
  }

  private async acceptMany(items: NewOperation[]): Promise<(OperationEntity | null)[]> {
    const keyed = items.filter(({ idempotency }) => idempotency !== null);
    const due = items.filter(({ runAt, declared, flow }) => runAt === null && !declared && flow === null);
    const completable = items.filter(({ completion }) => completion !== null);
    const declared = items.filter((item) => item.declared);
    // What few have costs the others nothing.
    const accept = items.some(({ flow }) => flow !== null)
      ? 'accept_flowing'
      : completable.length === 0
        ? 'accept_operations'
        : 'accept_completable';
    const rows = await this.database.query<{ rid: string }>(
      `SELECT * FROM ${accept}($1, $2, $3, $4, make_interval(secs => $5), $6${accept === 'accept_operations' ? '' : ', $7'})`,
      [
        jsonRows(items.map(acceptRow)),
        keyed.length === 0 ? null : jsonRows(keyed.map(keyRow)),
        [...new Set(due.map(({ accountId }) => accountId))],
        this.config.fastStart && this.hints.isOpen ? maxDispatched(this.config, this.fleet) : 0,
        this.config.redispatchS,
        declared.length === 0 ? null : [...new Set(declared.map(({ type }) => type))],
        ...(accept === 'accept_operations' ? [] : [jsonRows(completable.map(tokenRow))]),
      ],
    );
    const accepted = new Map(rows.map((row) => [row.rid, row]));
    return items.map((item) => {
      const row = accepted.get(item.rid);
      return row ? fresh(item, this.rows.to(OperationEntity, row)) : null;
    });
  }
}
