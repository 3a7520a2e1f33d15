import { createHash, randomBytes, randomInt } from 'node:crypto';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { AccountConfig, ProcessConfig } from '../config/config.js';
import { patiently } from '../database/patience.js';
import { SigningSecrets } from '../signing/signing-secrets.store.js';
import type { AccountEntity, ApiKeyEntity } from './account.entity.js';
import { AccountStore, GIVEN_KEY, type KeyHolder } from './account.store.js';
import type { Scope } from './scopes.js';

const DEFAULT_ACCOUNT = 'default';
/** How long a valid key is remembered: the longest a revocation takes. */
const KEY_CACHE_MS = 3_000;
const MOST_CACHED = 10_000;
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Accounts and their API keys. */
@Injectable()
export class AccountsService implements OnModuleInit {
  private readonly logger = new Logger('Accounts');
  private readonly cache = new Map<string, { until: number; holder: Promise<KeyHolder | null> }>();

  constructor(
    private readonly store: AccountStore,
    private readonly secrets: SigningSecrets,
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

  async revokeKey(accountId: string, keyId: string): Promise<boolean> {
    const revoked = await this.store.revokeKey(accountId, keyId);
    this.cache.clear();
    return revoked;
  }

  /** Who holds this key; null when it is unknown, expired or revoked. */
  holderOf(key: string): Promise<KeyHolder | null> {
    // Looked up by digest: nothing of a guessed key's text takes part in a comparison whose time could tell.
    const hash = digest(key);
    const cached = this.cache.get(hash);
    if (cached && cached.until > performance.now()) return cached.holder;
    const holder = this.store.holderOf(hash);
    if (this.cache.size >= MOST_CACHED) this.cache.clear();
    this.cache.set(hash, { until: performance.now() + KEY_CACHE_MS, holder });
    holder.catch(() => this.cache.delete(hash));
    return holder;
  }
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
