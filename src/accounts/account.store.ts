import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { sqlState } from '../database/database-errors.js';
import { Rows } from '../database/rows.js';
import { AccountEntity, ApiKeyEntity } from './account.entity.js';
import type { Scope } from './scopes.js';

/** A key that was found valid, and whose it is. */
export interface KeyHolder {
  readonly keyId: string;
  readonly accountId: string;
  readonly accountNumber: number;
  readonly scopes: readonly Scope[];
  /** Its account is disabled. */
  readonly disabled: boolean;
}

/** Whether the last use that was noted of a key is so long ago that this one is noted, too. */
export const UNNOTED = (key: string): string =>
  `(${key}.last_used_at IS NULL OR ${key}.last_used_at < now() - interval '1 minute')`;

const UNIQUE_VIOLATION = '23505';

/** Every statement on accounts and keys. */
@Injectable()
export class AccountStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  /** Null when the name is taken. */
  async create(account: { id: string; name: string; slots: number }): Promise<AccountEntity | null> {
    const [row] = await this.database.query<object>(
      // Looked for first: a row that conflicts would use up a number.
      `INSERT INTO account (id, name, slots) SELECT $1::text, $2::text, $3::integer WHERE NOT EXISTS (SELECT FROM account WHERE name = $2)
       ON CONFLICT (name) DO NOTHING RETURNING *`,
      [account.id, account.name, account.slots],
    );
    return row ? this.rows.to(AccountEntity, row) : null;
  }

  async find(id: string): Promise<AccountEntity | null> {
    const [row] = await this.database.query<object>(
      'SELECT * FROM account WHERE id = $1 AND deleted_at IS NULL',
      [id],
    );
    return row ? this.rows.to(AccountEntity, row) : null;
  }

  async findByName(name: string): Promise<AccountEntity | null> {
    const [row] = await this.database.query<object>('SELECT * FROM account WHERE name = $1', [name]);
    return row ? this.rows.to(AccountEntity, row) : null;
  }

  async list(after: string, limit: number): Promise<AccountEntity[]> {
    const rows = await this.database.query<object>(
      'SELECT * FROM account WHERE id > $1 AND deleted_at IS NULL ORDER BY id LIMIT $2',
      [after, limit],
    );
    return rows.map((row) => this.rows.to(AccountEntity, row));
  }

  /** Null when there is no such account. */
  async change(
    id: string,
    change: { name?: string | undefined; slots?: number | undefined; disabled?: boolean | undefined },
  ): Promise<AccountEntity | 'name-taken' | null> {
    try {
      const [row] = await this.database.query<object>(
        `UPDATE account SET name = coalesce($2, name), slots = coalesce($3, slots),
           disabled_at = CASE $4::boolean WHEN true THEN coalesce(disabled_at, now()) WHEN false THEN NULL ELSE disabled_at END
         WHERE id = $1 AND deleted_at IS NULL RETURNING *`,
        [id, change.name ?? null, change.slots ?? null, change.disabled ?? null],
      );
      return row ? this.rows.to(AccountEntity, row) : null;
    } catch (error) {
      if (sqlState(error) === UNIQUE_VIOLATION) return 'name-taken';
      throw error;
    }
  }

  /**
   * Ends an account and its keys, and frees its name; housekeeping, which this makes due, deletes what it has. False when there
   * is none.
   */
  async remove(id: string): Promise<boolean> {
    const rows = await this.database.query(
      `WITH gone AS (
         UPDATE account SET deleted_at = now(), name = 'deleted ' || id WHERE id = $1 AND deleted_at IS NULL RETURNING id
       ), revoked AS (
         UPDATE api_key k SET revoked_at = now() FROM gone g WHERE k.account_id = g.id AND k.revoked_at IS NULL
       ), due AS (
         UPDATE chore SET due_at = now() WHERE due_at > now() AND EXISTS (SELECT FROM gone)
       )
       SELECT id FROM gone`,
      [id],
    );
    return rows.length > 0;
  }

  /** Stores a key; one with the same id is replaced. */
  async saveKey(
    key: Pick<ApiKeyEntity, 'id' | 'accountId' | 'name' | 'hash' | 'scopes' | 'expiresAt'>,
  ): Promise<ApiKeyEntity> {
    const [row] = await this.database.query<object>(
      `INSERT INTO api_key (id, account_id, name, hash, scopes, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (id) DO UPDATE SET hash = EXCLUDED.hash, account_id = EXCLUDED.account_id, revoked_at = NULL RETURNING *`,
      [key.id, key.accountId, key.name, key.hash, key.scopes, key.expiresAt],
    );
    return this.rows.to(ApiKeyEntity, row!);
  }

  async listKeys(accountId: string, after: string, limit: number): Promise<ApiKeyEntity[]> {
    const rows = await this.database.query<object>(
      'SELECT * FROM api_key WHERE account_id = $1 AND id > $2 AND revoked_at IS NULL ORDER BY id LIMIT $3',
      [accountId, after, limit],
    );
    return rows.map((row) => this.rows.to(ApiKeyEntity, row));
  }

  async findKey(accountId: string, id: string): Promise<ApiKeyEntity | null> {
    const [row] = await this.database.query<object>(
      'SELECT * FROM api_key WHERE account_id = $1 AND id = $2 AND revoked_at IS NULL',
      [accountId, id],
    );
    return row ? this.rows.to(ApiKeyEntity, row) : null;
  }

  async revokeKey(accountId: string, id: string): Promise<boolean> {
    const rows = await this.database.query(
      'UPDATE api_key SET revoked_at = now() WHERE account_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING id',
      [accountId, id],
    );
    return rows.length > 0;
  }

  async hasKeys(): Promise<boolean> {
    return (await this.database.query('SELECT 1 FROM api_key LIMIT 1')).length > 0;
  }

  /** The holder of a key that is neither expired nor revoked; its use is noted at most once a minute. */
  async holderOf(hash: string): Promise<KeyHolder | null> {
    const [row] = await this.database.query<{
      id: string;
      account_id: string;
      number: string;
      scopes: Scope[];
      disabled: boolean;
    }>(
      `WITH holder AS (
         SELECT k.id, k.account_id, a.number, k.scopes, a.disabled_at IS NOT NULL AS disabled, k.last_used_at
         FROM api_key k JOIN account a ON a.id = k.account_id AND a.deleted_at IS NULL
         WHERE k.hash = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
       ), used AS (
         UPDATE api_key k SET last_used_at = now() FROM holder h WHERE k.id = h.id AND ${UNNOTED('h')}
       )
       SELECT * FROM holder`,
      [hash],
    );
    return row
      ? {
          keyId: row.id,
          accountId: row.account_id,
          accountNumber: Number(row.number),
          scopes: row.scopes,
          disabled: row.disabled,
        }
      : null;
  }
}
