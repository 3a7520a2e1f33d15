import { Injectable } from '@nestjs/common';
import { Database, type Queryable } from '../database/database.js';
import { randomId } from '../database/random-id.js';
import { SecretBox } from './secret-box.js';
import { fingerprintOf, newSigningKeyPair, newSigningSecret, publicKeyOf } from './signature.js';

/** Old secrets that may co-sign at once. */
const MAX_OLD = 10;
/** The current one has no end, and of the others none ends after a newer one. */
const NEWEST_FIRST = 'ORDER BY expires_at DESC NULLS FIRST, created_at DESC';
const CACHE_MS = 5_000;
const MAX_CACHED = 10_000;

interface SecretRow {
  id: string;
  kind: 'hmac' | 'ed25519';
  secret: string;
}

/** One of an owner's `whsec_…` secrets, without its text. */
export interface KnownSecret {
  readonly id: string;
  readonly createdAt: Date;
  /** When it stops to co-sign; null for the current one. */
  readonly signsUntil: Date | null;
}

/** What signs now: every `whsec_…` that is valid, newest first, and the `whsk_…` of owners that have one. */
export interface SigningKeys {
  readonly secrets: string[];
  readonly privateKey: string | undefined;
}

/**
 * The secrets that sign an account's callbacks, or an endpoint's: one signs, replaced ones co-sign until they expire.
 * Sealed at rest.
 */
@Injectable()
export class SigningSecrets {
  private readonly cache = new Map<string, { until: number; keys: Promise<SigningKeys> }>();

  constructor(
    private readonly database: Database,
    private readonly box: SecretBox,
  ) {}

  /** What signs now, of the account or of its endpoint. Other processes' rotations are seen within 5 s. */
  of(accountId: string, endpointId: string | null = null): Promise<SigningKeys> {
    const owner = endpointId ?? accountId;
    const cached = this.cache.get(owner);
    if (cached && cached.until > performance.now()) return cached.keys;
    if (this.cache.size >= MAX_CACHED) this.cache.clear();
    const keys = this.load(accountId, endpointId);
    this.cache.set(owner, { until: performance.now() + CACHE_MS, keys });
    keys.catch(() => this.cache.delete(owner));
    return keys;
  }

  /** Fingerprints of what signs now, and of the public key of what signs by Ed25519: for whoever asks which secret they hold. */
  async fingerprints(accountId: string, endpointId: string | null): Promise<string[]> {
    const { secrets, privateKey } = await this.of(accountId, endpointId);
    const texts = privateKey === undefined ? secrets : [...secrets, publicKeyOf(privateKey)];
    return texts.map(fingerprintOf);
  }

  /** Makes the owner's first secret if it has none. Within a transaction where one is given. */
  async ensure(
    accountId: string,
    endpointId: string | null = null,
    tx: Queryable = this.database,
  ): Promise<void> {
    await this.insert(tx, accountId, endpointId, 'hmac', newSigningSecret());
  }

  /** Gives the owner an Ed25519 key if it has none. */
  async ensureKeyPair(
    accountId: string,
    endpointId: string | null,
    tx: Queryable = this.database,
  ): Promise<void> {
    await this.insert(tx, accountId, endpointId, 'ed25519', newSigningKeyPair().privateKey);
    this.cache.delete(endpointId ?? accountId);
  }

  /** Every secret that signs now, newest first. */
  async list(accountId: string, endpointId: string | null): Promise<KnownSecret[]> {
    const rows = await this.database.query<{ id: string; created_at: Date; expires_at: Date | null }>(
      `SELECT id, created_at, expires_at FROM signing_secret
       WHERE account_id = $1 AND endpoint_id IS NOT DISTINCT FROM $2 AND kind = 'hmac' AND (expires_at IS NULL OR expires_at > now())
       ${NEWEST_FIRST}`,
      [accountId, endpointId],
    );
    return rows.map(({ id, created_at, expires_at }) => ({
      id,
      createdAt: created_at,
      signsUntil: expires_at,
    }));
  }

  /** Ends an old secret at once: here now, in other processes within 5 s. The current one stays: `rotate` replaces it. */
  async end(
    accountId: string,
    endpointId: string | null,
    secretId: string,
  ): Promise<'ended' | 'current' | null> {
    const [row] = await this.database.query<{ ended: boolean }>(
      `WITH named AS (
         SELECT id, expires_at FROM signing_secret WHERE id = $3 AND account_id = $1 AND endpoint_id IS NOT DISTINCT FROM $2
           AND kind = 'hmac' AND (expires_at IS NULL OR expires_at > now()) FOR UPDATE
       ), gone AS (
         DELETE FROM signing_secret s USING named n WHERE s.id = n.id AND n.expires_at IS NOT NULL RETURNING s.id
       )
       SELECT expires_at IS NOT NULL AS ended FROM named`,
      [accountId, endpointId, secretId],
    );
    this.cache.delete(endpointId ?? accountId);
    if (!row) return null;
    return row.ended ? 'ended' : 'current';
  }

  /** A new secret signs from now on; all before it co-sign for `overlapS` seconds at the most. Answers the new one. */
  async rotate(accountId: string, endpointId: string | null, overlapS: number): Promise<string> {
    const secret = newSigningSecret();
    await this.database.transaction(async (tx) => {
      await tx.query('SELECT id FROM account WHERE id = $1 FOR UPDATE', [accountId]);
      await tx.query(
        // One that was given longer before ends with the others: a short overlap is for a secret that is known to strangers.
        `UPDATE signing_secret SET expires_at = least(expires_at, now() + make_interval(secs => $3))
         WHERE account_id = $1 AND endpoint_id IS NOT DISTINCT FROM $2 AND kind = 'hmac'`,
        [accountId, endpointId, overlapS],
      );
      await tx.query(
        `DELETE FROM signing_secret WHERE account_id = $1 AND endpoint_id IS NOT DISTINCT FROM $2 AND kind = 'hmac'
           AND (expires_at <= now() OR id NOT IN (
             SELECT id FROM signing_secret WHERE account_id = $1 AND endpoint_id IS NOT DISTINCT FROM $2 AND kind = 'hmac'
             ORDER BY expires_at DESC, created_at DESC LIMIT $3))`,
        [accountId, endpointId, MAX_OLD],
      );
      await this.insert(tx, accountId, endpointId, 'hmac', secret);
    });
    this.cache.delete(endpointId ?? accountId);
    return secret;
  }

  /** The `whsk_…` of an endpoint, whosever it is; null when it has none. */
  async keyPairOf(endpointId: string): Promise<string | null> {
    const [row] = await this.database.query<SecretRow & { account_id: string }>(
      `SELECT id, account_id, secret FROM signing_secret WHERE kind = 'ed25519' AND endpoint_id = $1`,
      [endpointId],
    );
    return row ? this.box.open(row.secret, { account: row.account_id, row: row.id, column: 'secret' }) : null;
  }

  private async insert(
    tx: Queryable,
    accountId: string,
    endpointId: string | null,
    kind: SecretRow['kind'],
    secret: string,
  ): Promise<void> {
    const id = randomId('sec_');
    const sealed = this.box.seal(secret, { account: accountId, row: id, column: 'secret' });
    await tx.query(
      'INSERT INTO signing_secret (id, account_id, endpoint_id, kind, secret) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING',
      [id, accountId, endpointId, kind, sealed],
    );
  }

  private async load(accountId: string, endpointId: string | null): Promise<SigningKeys> {
    const rows = await this.database.query<SecretRow>(
      `SELECT id, kind, secret FROM signing_secret
       WHERE account_id = $1 AND endpoint_id IS NOT DISTINCT FROM $2 AND (expires_at IS NULL OR expires_at > now())
       ${NEWEST_FIRST}`,
      [accountId, endpointId],
    );
    const opened = (kind: SecretRow['kind']): string[] =>
      rows
        .filter((row) => row.kind === kind)
        .map(({ id, secret }) => this.box.open(secret, { account: accountId, row: id, column: 'secret' }));
    return { secrets: opened('hmac'), privateKey: opened('ed25519')[0] };
  }
}
