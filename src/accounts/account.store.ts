import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { sqlState } from '../database/database-errors.js';
import { Rows } from '../database/rows.js';
import { AccountEntity, ApiKeyEntity } from './account.entity.js';
import type { Scope } from './scopes.js';

/** A key that was found valid, and whose it is. */
export interface KeyHolder {
  readonly keyId: string;
  readonly keyName: string;
  readonly accountId: string;
  readonly accountNumber: number;
  readonly scopes: readonly Scope[];
  /** Of its account; null where the setting rules, 0 for any. */
  readonly requestsPerS: number | null;
  /** Its account is disabled. */
  readonly disabled: boolean;
}

/** What an account is to be like from now on; what isn't given stays, and null is the setting's default. */
export interface AccountChange {
  readonly name?: string | undefined;
  readonly slots?: number | undefined;
  readonly quotaBytes?: number | null | undefined;
  readonly quotaWaiting?: number | null | undefined;
  readonly requestsPerS?: number | null | undefined;
  readonly disabled?: boolean | undefined;
}

type NewApiKey = Pick<ApiKeyEntity, 'id' | 'accountId' | 'name' | 'hash' | 'scopes' | 'expiresAt'>;

/** What the id of a key begins with that is given by RINGBACK_API_KEY. */
export const GIVEN_KEY = 'key_environment_';
const UNIQUE_VIOLATION = '23505';
const INSERT_KEY =
  'INSERT INTO api_key (id, account_id, name, hash, scopes, expires_at) VALUES ($1, $2, $3, $4, $5, $6)';
/** Those that were revoked are kept, to be known when they are given again. */
const END_GIVEN_KEYS = `DELETE FROM api_key WHERE starts_with(id, '${GIVEN_KEY}') AND revoked_at IS NULL`;

/** Every statement on accounts and keys. */
@Injectable()
export class AccountStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  /** Null when the name is taken. */
  async create(
    account: AccountChange & { id: string; name: string; slots: number },
  ): Promise<AccountEntity | null> {
    const [row] = await this.database.query<object>(
      // Looked for first: a row that conflicts would use up a number.
      `INSERT INTO account (id, name, slots, quota_bytes, quota_waiting, requests_per_s)
       SELECT $1::text, $2::text, $3::integer, $4::bigint, $5::integer, $6::double precision
       WHERE NOT EXISTS (SELECT FROM account WHERE name = $2)
       ON CONFLICT (name) DO NOTHING RETURNING *`,
      [
        account.id,
        account.name,
        account.slots,
        account.quotaBytes ?? null,
        account.quotaWaiting ?? null,
        account.requestsPerS ?? null,
      ],
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
    { name, slots, quotaBytes, quotaWaiting, requestsPerS, disabled }: AccountChange,
  ): Promise<AccountEntity | 'name-taken' | null> {
    try {
      const [row] = await this.database.query<object>(
        `UPDATE account SET name = coalesce($2, name), slots = coalesce($3, slots),
           quota_bytes = CASE WHEN $4 THEN $5::bigint ELSE quota_bytes END,
           quota_waiting = CASE WHEN $6 THEN $7::integer ELSE quota_waiting END,
           requests_per_s = CASE WHEN $8 THEN $9::double precision ELSE requests_per_s END,
           disabled_at = CASE $10::boolean WHEN true THEN coalesce(disabled_at, now()) WHEN false THEN NULL ELSE disabled_at END
         WHERE id = $1 AND deleted_at IS NULL RETURNING *`,
        [
          id,
          name ?? null,
          slots ?? null,
          ...[quotaBytes, quotaWaiting, requestsPerS].flatMap((quota) => [
            quota !== undefined,
            quota ?? null,
          ]),
          disabled ?? null,
        ],
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

  /** Stores a new key. */
  async saveKey(key: NewApiKey): Promise<ApiKeyEntity> {
    const [row] = await this.database.query<object>(`${INSERT_KEY} RETURNING *`, keyValues(key));
    return this.rows.to(ApiKeyEntity, row!);
  }

  /**
   * Stores the key that an operator gives with every start, in place of the one that was given before. One that was revoked
   * stays so: false then.
   */
  async saveGivenKey(key: NewApiKey): Promise<boolean> {
    await this.database.query(
      // Another key may have the same text: the first one, which was made and printed.
      `WITH ended AS (${END_GIVEN_KEYS} AND id <> $1) ${INSERT_KEY} ON CONFLICT DO NOTHING`,
      keyValues(key),
    );
    return (await this.holderOf(key.hash)) !== null;
  }

  /** Ends the key that was given with earlier starts. */
  async endGivenKeys(): Promise<void> {
    await this.database.query(END_GIVEN_KEYS);
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

  /** Whether there is a key, be it one that was given with a start or, with `own`, one that wasn't. */
  async hasKeys(own: boolean): Promise<boolean> {
    const which = own ? `WHERE NOT starts_with(id, '${GIVEN_KEY}')` : '';
    return (await this.database.query(`SELECT 1 FROM api_key ${which} LIMIT 1`)).length > 0;
  }

  /** Notes that a key is in use, unless that was noted within the minute. */
  async used(id: string): Promise<void> {
    await this.database.query(
      `UPDATE api_key SET last_used_at = now()
       WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`,
      [id],
    );
  }

  async adminKeyIds(most: number): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `SELECT id FROM api_key WHERE 'admin' = ANY (scopes) AND revoked_at IS NULL
         AND (expires_at IS NULL OR expires_at > now()) ORDER BY created_at LIMIT $1`,
      [most],
    );
    return rows.map(({ id }) => id);
  }

  /** Which of these keys are neither expired nor revoked, nor of an account that is disabled. */
  async validKeys(ids: readonly string[]): Promise<Set<string>> {
    const rows = await this.database.query<{ id: string }>(
      `SELECT k.id FROM api_key k JOIN account a ON a.id = k.account_id AND a.disabled_at IS NULL AND a.deleted_at IS NULL
       WHERE k.id = ANY ($1) AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())`,
      [ids],
    );
    return new Set(rows.map(({ id }) => id));
  }

  /** The holder of a key that is neither expired nor revoked; its use is noted at most once a minute. */
  async holderOf(hash: string): Promise<KeyHolder | null> {
    const [row] = await this.database.query<{
      id: string;
      name: string;
      account_id: string;
      number: string;
      scopes: Scope[];
      requests_per_s: number | null;
      disabled: boolean;
    }>(
      `SELECT k.id, k.name, k.account_id, a.number, a.requests_per_s, k.scopes, a.disabled_at IS NOT NULL AS disabled
       FROM api_key k JOIN account a ON a.id = k.account_id AND a.deleted_at IS NULL
       WHERE k.hash = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())`,
      [hash],
    );
    return row
      ? {
          keyId: row.id,
          keyName: row.name,
          accountId: row.account_id,
          accountNumber: Number(row.number),
          scopes: row.scopes,
          requestsPerS: row.requests_per_s,
          disabled: row.disabled,
        }
      : null;
  }
}

function keyValues({ id, accountId, name, hash, scopes, expiresAt }: NewApiKey): unknown[] {
  return [id, accountId, name, hash, scopes, expiresAt];
}
