import { hash, randomBytes, randomInt } from 'node:crypto';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { AccountConfig, ProcessConfig } from '../config/config.js';
import { patiently } from '../database/patience.js';
import { randomId } from '../database/random-id.js';
import { SigningSecrets } from '../signing/signing-secrets.store.js';
import { AccountDisabledError } from './account.errors.js';
import type { AccountEntity, ApiKeyEntity } from './account.entity.js';
import { type AccountChange, AccountStore, GIVEN_KEY, type KeyHolder } from './account.store.js';
import { Audit } from './audit.js';
import type { Actor } from './audit.store.js';
import type { Scope } from './scopes.js';

export const DEFAULT_ACCOUNT = 'default';
/** How long a valid key is remembered: the longest a revocation takes. */
const KEY_CACHE_MS = 3_000;
const MAX_CACHED = 10_000;
/** How often the use of a key is noted. */
const NOTED_MS = 60_000;
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** An account to be; what isn't given is as the settings say. */
export type NewAccount = AccountChange & { readonly name: string };

/** Accounts and their API keys. */
@Injectable()
export class AccountsService implements OnModuleInit {
  private readonly logger = new Logger('Accounts');
  private readonly cache = new Map<string, { until: number; holder: Promise<KeyHolder | null> }>();

  /** Until when the use of a key needn't be noted again. */
  private readonly noted = new Map<string, number>();

  constructor(
    private readonly store: AccountStore,
    private readonly secrets: SigningSecrets,
    private readonly audit: Audit,
    private readonly config: AccountConfig,
    private readonly process: ProcessConfig,
  ) {}

  onModuleInit(): Promise<void> {
    return patiently(() => this.seeToFirst());
  }

  /** Sees to the default account, and to the admin key that the configuration gives. */
  private async seeToFirst(): Promise<void> {
    const accountId = await this.ensure(DEFAULT_ACCOUNT);
    await this.secrets.ensure(accountId);
    if (typeof this.config.firstKey === 'string') await this.seeToGiven(accountId, this.config.firstKey);
    // Workers and gateways are often started without it.
    else if (this.config.firstKey === undefined && this.process.roles.has('api'))
      await this.store.endGivenKeys();
  }

  /** Each text has an id of its own, so that one that was revoked is known when it is given again. */
  private async seeToGiven(accountId: string, text: string): Promise<void> {
    const hash = digest(text);
    const key = { id: `${GIVEN_KEY}${hash.slice(0, 16)}`, accountId, name: 'RINGBACK_API_KEY', hash };
    const valid = await this.store.saveGivenKey({ ...key, scopes: ['admin'], expiresAt: null });
    if (!valid) this.logger.warn('RINGBACK_API_KEY is a key that was revoked and stays so: give another one');
  }

  /**
   * The first admin key, where the database has no key and the configuration gives none; null otherwise. `keep` gets its text
   * before it is stored: a process that dies in between leaves no key that nobody knows.
   */
  async makeFirstKey(keep: (key: string) => void): Promise<string | null> {
    if (this.config.firstKey !== undefined || (await this.hasKeys())) return null;
    const made = newKey();
    keep(made.text);
    const accountId = await this.ensure(DEFAULT_ACCOUNT);
    const key = { name: 'first admin key', scopes: ['admin' as const], expiresAt: null };
    await this.written(await this.save(accountId, made, key), null);
    return made.text;
  }

  /** Whether there is a key that is still there once this process, which is given none, has started. */
  hasKeys(): Promise<boolean> {
    return this.store.hasKeys(this.process.roles.has('api'));
  }

  /** Ids of the keys that may do everything; at most 20. */
  adminKeyIds(): Promise<string[]> {
    return this.store.adminKeyIds(20);
  }

  /** Id of the account of this name; null when there is none. */
  async idOf(name: string): Promise<string | null> {
    return (await this.store.findByName(name))?.id ?? null;
  }

  /** Id of the account of this name, which is made when it is new. */
  async ensure(name: string): Promise<string> {
    return (await this.idOf(name)) ?? (await this.create({ name }, null))?.id ?? (await this.idOf(name))!;
  }

  /** Null when the name is taken. `actor` is null where no key asked for it. */
  async create({ name, slots, ...quotas }: NewAccount, actor: Actor | null): Promise<AccountEntity | null> {
    const account = await this.store.create({
      id: randomId('acc_'),
      name,
      slots: slots ?? this.config.slots,
      ...quotas,
    });
    if (account) {
      await this.secrets.ensure(account.id);
      const { id } = account;
      const details = {
        name,
        slots: account.slots,
        quota_bytes: quotas.quotaBytes,
        quota_waiting: quotas.quotaWaiting,
        requests_per_s: quotas.requestsPerS,
      };
      await this.audit.write({ accountId: id, actor, action: 'account.created', target: id, details });
    }
    return account;
  }

  /** A new key: `rb_<id>_<32 bytes base62>`. The only time its text is seen. */
  async createKey(
    accountId: string,
    key: { name: string; scopes: Scope[]; expiresAt: Date | null },
    actor: Actor,
  ): Promise<{ entity: ApiKeyEntity; key: string }> {
    const made = newKey();
    return { entity: await this.written(await this.save(accountId, made, key), actor), key: made.text };
  }

  private async written(key: ApiKeyEntity, actor: Actor | null): Promise<ApiKeyEntity> {
    const { id, accountId, name, scopes, expiresAt } = key;
    const details = { name, scopes, expires_at: expiresAt };
    await this.audit.write({ accountId, actor, action: 'key.created', target: id, details });
    return key;
  }

  private save(
    accountId: string,
    { id, text }: NewKey,
    key: { name: string; scopes: Scope[]; expiresAt: Date | null },
  ): Promise<ApiKeyEntity> {
    return this.store.saveKey({ id: `key_${id}`, accountId, hash: digest(text), ...key });
  }

  /** Null when there is none of this id. Its keys are refused, or taken again, within 5 s. */
  async change(id: string, change: AccountChange): Promise<AccountEntity | 'name-taken' | null> {
    const changed = await this.store.change(id, change);
    this.cache.clear();
    return changed;
  }

  /** Ends an account with all it has; false when there is none of this id. */
  async remove(id: string): Promise<boolean> {
    const removed = await this.store.remove(id);
    this.cache.clear();
    return removed;
  }

  async revokeKey(accountId: string, keyId: string, actor: Actor): Promise<boolean> {
    const revoked = await this.store.revokeKey(accountId, keyId);
    this.cache.clear();
    if (revoked) await this.audit.write({ accountId, actor, action: 'key.revoked', target: keyId });
    return revoked;
  }

  /** Behind the caller's back, once a minute: an answer needn't wait for it. */
  private noteUse(keyId: string): void {
    const now = performance.now();
    if (now < (this.noted.get(keyId) ?? -Infinity)) return;
    if (this.noted.size >= MAX_CACHED) this.noted.clear();
    this.noted.set(keyId, now + NOTED_MS);
    this.store.used(keyId).catch(() => this.noted.delete(keyId));
  }

  /** Who holds this key; null when it is unknown, expired or revoked. Fails where the account is disabled. */
  async holderOf(key: string): Promise<KeyHolder | null> {
    // Looked up by digest: nothing of a guessed key's text takes part in a comparison whose time could tell.
    const hash = digest(key);
    const cached = this.cache.get(hash);
    if (cached && cached.until > performance.now()) return active(await cached.holder);
    const holder = this.store.holderOf(hash);
    if (this.cache.size >= MAX_CACHED) this.cache.clear();
    this.cache.set(hash, { until: performance.now() + KEY_CACHE_MS, holder });
    holder.then(
      (found) => found && this.noteUse(found.keyId),
      () => this.cache.delete(hash),
    );
    return active(await holder);
  }
}

/** Passes a holder on whose account may be used. */
export function active<Holder extends KeyHolder>(holder: Holder | null): Holder | null {
  if (holder?.disabled === true) throw new AccountDisabledError();
  return holder;
}

interface NewKey {
  readonly id: string;
  readonly text: string;
}

function newKey(): NewKey {
  const id = randomBytes(8).toString('hex');
  // 43 base62 digits hold 256 bits.
  return { id, text: `rb_${id}_${Array.from({ length: 43 }, () => BASE62[randomInt(62)]).join('')}` };
}

function digest(key: string): string {
  return hash('sha256', key, 'hex');
}
