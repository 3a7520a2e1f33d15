import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { KeyHolder } from './account.store.js';
import type { Scope } from './scopes.js';

/** Who a token speaks for. */
export interface TokenHolder extends KeyHolder {
  readonly accountName: string;
}

/** Every statement on auth tokens. */
@Injectable()
export class AuthTokenStore {
  constructor(private readonly database: Database) {}

  /** Stores a token, and forgets those that have been idle for too long. */
  async add(hash: string, keyId: string, idleS: number): Promise<void> {
    await this.database.query(
      `WITH idle AS (
         DELETE FROM auth_token WHERE hash IN (
           SELECT hash FROM auth_token WHERE used_at < now() - make_interval(secs => $3) LIMIT 100 FOR UPDATE SKIP LOCKED)
       )
       INSERT INTO auth_token (hash, key_id) VALUES ($1, $2)`,
      [hash, keyId, idleS],
    );
  }

  /** The holder of a token in use, whose use is noted; null when it is unknown, idle for too long, or its key has ended. */
  async use(hash: string, idleS: number): Promise<TokenHolder | null> {
    const [row] = await this.database.query<{
      key_id: string;
      key_name: string;
      account_id: string;
      account_name: string;
      account_number: string;
      scopes: Scope[];
      requests_per_s: number | null;
      disabled: boolean;
    }>(
      `WITH used AS (
         UPDATE auth_token SET used_at = now() WHERE hash = $1 AND used_at >= now() - make_interval(secs => $2) RETURNING key_id
       ), holder AS (
         SELECT k.id AS key_id, k.name AS key_name, k.account_id, a.name AS account_name, a.number AS account_number, a.requests_per_s, k.scopes,
           a.disabled_at IS NOT NULL AS disabled, k.last_used_at
         FROM used JOIN api_key k ON k.id = used.key_id JOIN account a ON a.id = k.account_id AND a.deleted_at IS NULL
         WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
       ), noted AS (
         UPDATE api_key k SET last_used_at = now() FROM holder h
         WHERE k.id = h.key_id AND (h.last_used_at IS NULL OR h.last_used_at < now() - interval '1 minute')
       )
       SELECT * FROM holder`,
      [hash, idleS],
    );
    return row
      ? {
          keyId: row.key_id,
          keyName: row.key_name,
          accountId: row.account_id,
          accountName: row.account_name,
          accountNumber: Number(row.account_number),
          scopes: row.scopes,
          requestsPerS: row.requests_per_s,
          disabled: row.disabled,
        }
      : null;
  }

  async remove(hash: string): Promise<void> {
    await this.database.query('DELETE FROM auth_token WHERE hash = $1', [hash]);
  }
}
