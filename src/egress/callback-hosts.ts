import { Injectable } from '@nestjs/common';
import { CallbackHostStore } from './callback-host.store.js';
import { UrlPolicy } from './url-policy.js';

/** Hosts this process remembers to be known; one that it forgot costs a statement. */
const MAX_REMEMBERED = 50_000;

/**
 * Bounds how many host names an account may bring up a minute, so that nobody can have us call at door after door.
 * A host the account has used before costs no statement, or one per process.
 */
@Injectable()
export class CallbackHosts {
  /** Account and host, the one asked longest ago first. */
  private readonly known = new Set<string>();

  constructor(
    private readonly store: CallbackHostStore,
    private readonly policy: UrlPolicy,
  ) {}

  /**
   * Asks for an URL that the policy has accepted; null: it may be used. Else the account has used up its new hosts,
   * and the answer is in how many seconds it may try again.
   */
  async admit(accountId: string, href: string): Promise<number | null> {
    const { host: name, opened } = this.policy.destination(href);
    if (opened) return null;
    const key = `${accountId} ${name}`;
    if (this.known.delete(key)) {
      this.known.add(key);
      return null;
    }
    const retryAfterS = await this.store.admit({ accountId, name });
    if (retryAfterS === null) this.remember(key);
    return retryAfterS;
  }

  private remember(key: string): void {
    this.known.add(key);
    if (this.known.size <= MAX_REMEMBERED) return;
    const [oldest] = this.known;
    this.known.delete(oldest!);
  }
}
