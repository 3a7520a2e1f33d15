import { createHash, randomBytes, randomInt } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AccountConfig } from '../config/config.js';
import { patiently } from '../database/patience.js';
import { SigningSecrets } from '../signing/signing-secrets.store.js';
import { AccountDisabledError } from './account.errors.js';
import type { AccountEntity, ApiKeyEntity } from './account.entity.js';
import { AccountStore, type KeyHolder } from './account.store.js';
import type { Scope } from './scopes.js';

export const DEFAULT_ACCOUNT = 'default';
/** The id of the key that RINGBACK_API_KEY gives: changing the variable replaces the key. */
const GIVEN_KEY_ID = 'key_environment';
/** How long a valid key is remembered: the longest a revocation takes. */
const KEY_CACHE_MS = 3_000;
const MOST_CACHED = 10_000;
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Accounts and their API keys. */
@Injectable()
export class AccountsService implements OnModuleInit {
  private readonly cache = new Map<string, { until: number; holder: Promise<KeyHolder | null> }>();

  constructor(
    private readonly store: AccountStore,
    private readonly secrets: SigningSecrets,
    private readonly config: AccountConfig,
  ) {}

  onModuleInit(): Promise<void> {
    return patiently(() => this.seeToFirst());
  }

  /** Sees to the default account, and to the admin key that the configuration gives. */
  private async seeToFirst(): Promise<void> {
    const accountId = await this.ensure(DEFAULT_ACCOUNT);
    await this.secrets.ensure(accountId);
    if (typeof this.config.firstKey === 'string') {
      await this.store.saveKey({
        id: GIVEN_KEY_ID,
        accountId,
        name: 'RINGBACK_API_KEY',
        hash: digest(this.config.firstKey),
        scopes: ['admin'],
        expiresAt: null,
      });
    }
  }

  /**
   * The first admin key, where the database has no key and the configuration gives none; null otherwise. `keep` gets its text
   * before it is stored: a process that dies in between leaves no key that nobody knows.
   */
  async makeFirstKey(keep: (key: string) => void): Promise<string | null> {
    if (this.config.firstKey !== undefined || (await this.store.hasKeys())) return null;
    const made = newKey();
    keep(made.text);
    const accountId = await this.ensure(DEFAULT_ACCOUNT);
    await this.save(accountId, made, { name: 'first admin key', scopes: ['admin'], expiresAt: null });
    return made.text;
  }

  /** Id of the account of this name; null when there is none. */
  async idOf(name: string): Promise<string | null> {
    return (await this.store.findByName(name))?.id ?? null;
  }

  /** Id of the account of this name, which is made when it is new. */
  async ensure(name: string): Promise<string> {
    return (await this.idOf(name)) ?? (await this.create(name, undefined))?.id ?? (await this.idOf(name))!;
  }

  /** Null when the name is taken. */
  async create(name: string, slots: number | undefined): Promise<AccountEntity | null> {
    const account = await this.store.create({
      id: `acc_${randomBytes(16).toString('hex')}`,
      name,
      slots: slots ?? this.config.slots,
    });
    if (account) await this.secrets.ensure(account.id);
    return account;
  }

  /** A new key: `rb_<id>_<32 bytes base62>`. The only time its text is seen. */
  async createKey(
    accountId: string,
    key: { name: string; scopes: Scope[]; expiresAt: Date | null },
  ): Promise<{ entity: ApiKeyEntity; key: string }> {
    const made = newKey();
    return { entity: await this.save(accountId, made, key), key: made.text };
  }

  private save(
    accountId: string,
    { id, text }: NewKey,
    key: { name: string; scopes: Scope[]; expiresAt: Date | null },
  ): Promise<ApiKeyEntity> {
    return this.store.saveKey({ id: `key_${id}`, accountId, hash: digest(text), ...key });
  }

  /** Null when there is none of this id. Its keys are refused, or taken again, within 5 s. */
  async change(
    id: string,
    change: { name?: string | undefined; slots?: number | undefined; disabled?: boolean | undefined },
  ): Promise<AccountEntity | 'name-taken' | null> {
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

  async revokeKey(accountId: string, keyId: string): Promise<boolean> {
    const revoked = await this.store.revokeKey(accountId, keyId);
    this.cache.clear();
    return revoked;
  }

  /** Who holds this key; null when it is unknown, expired or revoked. Fails where the account is disabled. */
  async holderOf(key: string): Promise<KeyHolder | null> {
    // Looked up by digest: nothing of a guessed key's text takes part in a comparison whose time could tell.
    const hash = digest(key);
    const cached = this.cache.get(hash);
    if (cached && cached.until > performance.now()) return active(await cached.holder);
    const holder = this.store.holderOf(hash);
    if (this.cache.size >= MOST_CACHED) this.cache.clear();
    this.cache.set(hash, { until: performance.now() + KEY_CACHE_MS, holder });
    holder.catch(() => this.cache.delete(hash));
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
  return createHash('sha256').update(key).digest('hex');
}
