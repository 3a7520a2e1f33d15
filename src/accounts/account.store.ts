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
    const [row] = await this.database.query<object>('SELECT * FROM account WHERE id = $1', [id]);
    return row ? this.rows.to(AccountEntity, row) : null;
  }

  async findByName(name: string): Promise<AccountEntity | null> {
    const [row] = await this.database.query<object>('SELECT * FROM account WHERE name = $1', [name]);
    return row ? this.rows.to(AccountEntity, row) : null;
  }

  async list(after: string, limit: number): Promise<AccountEntity[]> {
    const rows = await this.database.query<object>(
      'SELECT * FROM account WHERE id > $1 ORDER BY id LIMIT $2',
      [after, limit],
    );
    return rows.map((row) => this.rows.to(AccountEntity, row));
  }

  /** Null when there is no such account. */
  async change(
    id: string,
    change: { name?: string | undefined; slots?: number | undefined },
  ): Promise<AccountEntity | 'name-taken' | null> {
    try {
      const [row] = await this.database.query<object>(
        'UPDATE account SET name = coalesce($2, name), slots = coalesce($3, slots) WHERE id = $1 RETURNING *',
        [id, change.name ?? null, change.slots ?? null],
      );
      return row ? this.rows.to(AccountEntity, row) : null;
    } catch (error) {
      if (sqlState(error) === UNIQUE_VIOLATION) return 'name-taken';
      throw error;
    }
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

  /** The holder of a key that is neither expired nor revoked. */
  async holderOf(hash: string): Promise<KeyHolder | null> {
    const [row] = await this.database.query<{
      id: string;
      account_id: string;
      number: string;
      scopes: Scope[];
    }>(
      `SELECT k.id, k.account_id, a.number, k.scopes FROM api_key k JOIN account a ON a.id = k.account_id
       WHERE k.hash = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())`,
      [hash],
    );
    return row
      ? {
          keyId: row.id,
          accountId: row.account_id,
          accountNumber: Number(row.number),
          scopes: row.scopes,
        }
      : null;
  }
}

function keyValues({ id, accountId, name, hash, scopes, expiresAt }: NewApiKey): unknown[] {
  return [id, accountId, name, hash, scopes, expiresAt];
}
