import { Injectable } from '@nestjs/common';
import { ConsoleConfig } from '../config/config.js';
import { Database } from '../database/database.js';
import type { KeyHolder } from './account.store.js';
import type { Scope } from './scopes.js';

/** Whose a session is. */
export interface SessionHolder extends KeyHolder {
  readonly accountName: string;
  /** When it ends, whatever is done in it. */
  readonly endsAt: Date;
}

/** Use is noted no more often, seconds: a page that asks often is no write each time. */
const NOTED_S = 15;
/** $1 hash or hashes, $2 idle and $3 whole length in seconds: sessions that are alive, and whose key is. */
const ALIVE = `s.used_at > now() - make_interval(secs => $2) AND s.began_at > now() - make_interval(secs => $3)
  AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now()) AND a.deleted_at IS NULL`;

/** Every statement on sessions of the console. */
@Injectable()
export class ConsoleSessionStore {
  constructor(
    private readonly database: Database,
    private readonly config: ConsoleConfig,
  ) {}

  /** Stores a session, and forgets some that have ended; false where its key has ended. */
  async add(hash: string, keyId: string): Promise<boolean> {
    const rows = await this.database.query(
      `WITH ended AS (
         DELETE FROM console_session WHERE hash IN (
           SELECT hash FROM console_session WHERE used_at < now() - make_interval(secs => $3) LIMIT 100 FOR UPDATE SKIP LOCKED)
       )
       INSERT INTO console_session (hash, key_id) SELECT $1, id FROM api_key WHERE id = $2 AND revoked_at IS NULL RETURNING hash`,
      [hash, keyId, this.config.idleS],
    );
    return rows.length > 0;
  }

  /** Whose a session is, whose use is noted; null when it has ended, has been idle for too long, or its key has ended. */
  async use(hash: string): Promise<SessionHolder | null> {
    const [row] = await this.database.query<{
      key_id: string;
      key_name: string;
      account_id: string;
      account_name: string;
      account_number: string;
      scopes: Scope[];
      requests_per_s: number | null;
      disabled: boolean;
      ends_at: Date;
    }>(
      `WITH holder AS (
         SELECT k.id AS key_id, k.name AS key_name, k.account_id, k.scopes, k.last_used_at,
           a.name AS account_name, a.number AS account_number, a.requests_per_s, a.disabled_at IS NOT NULL AS disabled,
           s.used_at, s.began_at + make_interval(secs => $3) AS ends_at
         FROM console_session s JOIN api_key k ON k.id = s.key_id JOIN account a ON a.id = k.account_id
         WHERE s.hash = $1 AND ${ALIVE}
       ), noted AS (
         UPDATE console_session s SET used_at = now() FROM holder h
         WHERE s.hash = $1 AND h.used_at < now() - make_interval(secs => least($2 / 4, ${NOTED_S}))
       ), noted_key AS (
         UPDATE api_key k SET last_used_at = now() FROM holder h
         WHERE k.id = h.key_id AND (h.last_used_at IS NULL OR h.last_used_at < now() - interval '1 minute')
       )
       SELECT * FROM holder`,
      [hash, this.config.idleS, this.config.sessionS],
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
          endsAt: row.ends_at,
        }
      : null;
  }

  /** Which of these sessions are alive; their use is noted. */
  async useAll(hashes: readonly string[]): Promise<Set<string>> {
    const rows = await this.database.query<{ hash: string }>(
      `UPDATE console_session s SET used_at = now() FROM api_key k, account a
       WHERE s.hash = ANY ($1) AND k.id = s.key_id AND a.id = k.account_id AND a.disabled_at IS NULL AND ${ALIVE}
       RETURNING s.hash`,
      [hashes, this.config.idleS, this.config.sessionS],
    );
    return new Set(rows.map(({ hash }) => hash));
  }

  async remove(hash: string): Promise<void> {
    await this.database.query('DELETE FROM console_session WHERE hash = $1', [hash]);
  }
}
