import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Rows } from '../database/rows.js';
import type { AuditAction } from './audit-action.js';
import { AuditEntity } from './audit.entity.js';

/** A key, and the address it was used from. */
export interface Actor {
  readonly keyId: string;
  readonly name: string;
  readonly address: string | null;
  /** Where it was done, if not by the API itself. */
  readonly via?: 'console' | undefined;
}

/** One thing that was done. Nothing in it may be a secret. */
export interface AuditEntry {
  /** The account that it concerns; null where it is none. */
  readonly accountId: string | null;
  /** Null where no key did it: a boot, or somebody unknown. */
  readonly actor: Actor | null;
  /** Those of an actor who is unknown. */
  readonly address?: string | null;
  readonly via?: 'console' | undefined;
  readonly action: AuditAction;
  /** Id of what it was done to. */
  readonly target: string | null;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What of a kind was done within a minute. */
export interface SummedEntry {
  readonly key: string;
  readonly entry: AuditEntry;
  readonly count: number;
}

export interface AuditFilter {
  readonly accountId?: string | undefined;
  /** Id or name of a key. */
  readonly actor?: string | undefined;
  readonly actions?: readonly AuditAction[] | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
  readonly order: 'asc' | 'desc';
  /** Id of the last entry of the page before; null for the first page. */
  readonly after: string | null;
  readonly limit: number;
}

/** Every statement on the audit. */
@Injectable()
export class AuditStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  async add({ accountId, actor, address, via, action, target, details = {} }: AuditEntry): Promise<void> {
    await this.database.query(
      `INSERT INTO audit (account_id, actor_key_id, actor_name, address, via, action, target, details)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [
        accountId,
        actor?.keyId ?? null,
        actor?.name ?? null,
        actor?.address ?? address ?? null,
        actor?.via ?? via ?? null,
        action,
        target,
        JSON.stringify(details),
      ],
    );
  }

  /** Adds counts to the entries of this minute, over all processes. */
  async addUp(summed: readonly SummedEntry[]): Promise<void> {
    // In one order, so that two processes don't lock each other out.
    const sorted = summed.toSorted((a, b) => (a.key < b.key ? -1 : 1));
    await this.database.query(
      `INSERT INTO audit (account_id, actor_key_id, actor_name, address, via, action, target, details, sum_key)
       SELECT account_id, key_id, name, address, via, action, target, jsonb_build_object('count', count),
         to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI ') || sum_key
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::text[])
         AS t (account_id, key_id, name, address, action, target, count, sum_key, via)
       ON CONFLICT (sum_key) WHERE sum_key IS NOT NULL DO UPDATE SET details =
         jsonb_build_object('count', (audit.details->>'count')::bigint + (EXCLUDED.details->>'count')::bigint)`,
      [
        sorted.map(({ entry }) => entry.accountId),
        sorted.map(({ entry }) => entry.actor?.keyId ?? null),
        sorted.map(({ entry }) => entry.actor?.name ?? null),
        sorted.map(({ entry }) => entry.actor?.address ?? entry.address ?? null),
        sorted.map(({ entry }) => entry.action),
        sorted.map(({ entry }) => entry.target),
        sorted.map(({ count }) => count),
        sorted.map(({ key }) => key),
        sorted.map(({ entry }) => entry.actor?.via ?? entry.via ?? null),
      ],
    );
  }

  async list({
    accountId,
    actor,
    actions,
    since,
    until,
    order,
    after,
    limit,
  }: AuditFilter): Promise<AuditEntity[]> {
    const [beyond, direction] = order === 'asc' ? ['>', 'ASC'] : ['<', 'DESC'];
    const rows = await this.database.query<object>(
      `SELECT * FROM audit WHERE ($1::bigint IS NULL OR id ${beyond} $1)
         AND ($2::text IS NULL OR account_id = $2)
         AND ($3::text IS NULL OR actor_key_id = $3 OR actor_name = $3)
         AND ($4::text[] IS NULL OR action = ANY ($4))
         AND ($5::timestamptz IS NULL OR at >= $5) AND ($6::timestamptz IS NULL OR at < $6)
       ORDER BY id ${direction} LIMIT $7`,
      [after, accountId ?? null, actor ?? null, actions ?? null, since ?? null, until ?? null, limit],
    );
    return rows.map((row) => this.rows.to(AuditEntity, row));
  }
}
