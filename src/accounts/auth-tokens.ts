import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AccountStore, type KeyHolder } from './account.store.js';
import { AccountsService, active } from './accounts.service.js';
import { AuthTokenStore, type TokenHolder } from './auth-token.store.js';

/** How long a token is believed without a look at its row; its use is noted as often. */
const REMEMBERED_MS = 3_000;
const MAX_REMEMBERED = 10_000;

/** A new token, and whose it is. */
export interface IssuedToken {
  readonly token: string;
  readonly holder: KeyHolder;
}

/** Short-lived tokens that stand for an API key, for clients that log in with an account and a key. */
@Injectable()
export class AuthTokens {
  private readonly remembered = new Map<string, { until: number; holder: Promise<TokenHolder | null> }>();

  constructor(
    private readonly store: AuthTokenStore,
    private readonly accounts: AccountsService,
    private readonly accountStore: AccountStore,
  ) {}

  /** A new token of the account (its id or name) for one of its keys; null when the two don't belong together. */
  async issue(account: string, key: string, idleS: number): Promise<IssuedToken | null> {
    const holder = await this.accounts.holderOf(key);
    const own = holder && (await this.accountStore.find(holder.accountId));
    if (!own || (own.id !== account && own.name !== account)) return null;
    const token = randomBytes(32).toString('base64url');
    await this.store.add(digest(token), holder.keyId, idleS);
    return { token, holder };
  }

  /** Who the token speaks for; null when it is unknown, was idle for `idleS`, or its key has ended. */
  async holderOf(token: string, idleS: number): Promise<TokenHolder | null> {
    const hash = digest(token);
    const known = this.remembered.get(hash);
    if (known && known.until > performance.now()) return active(await known.holder);
    const holder = this.store.use(hash, idleS);
    if (this.remembered.size >= MAX_REMEMBERED) this.remembered.clear();
    this.remembered.set(hash, {
      until: performance.now() + Math.min(REMEMBERED_MS, (idleS * 1000) / 2),
      holder,
    });
    holder.catch(() => this.remembered.delete(hash));
    return active(await holder);
  }

  /** Ends a token; in other processes within seconds. */
  async end(token: string): Promise<void> {
    const hash = digest(token);
    this.remembered.delete(hash);
    await this.store.remove(hash);
  }
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
