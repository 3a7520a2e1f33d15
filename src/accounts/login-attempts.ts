import { Injectable } from '@nestjs/common';
import { AccountConfig } from '../config/config.js';
import { networkOf } from '../http/client-address.js';
import { Problem } from '../http/problem.js';
import { Audit } from './audit.js';
import type { Actor } from './audit.store.js';

const MINUTE_MS = 60_000;
/** Addresses that are counted apart within a minute. */
const MAX_ADDRESSES = 10_000;

/**
 * Counts wrong credentials by the address they came from. A right one always passes: whoever shares an address, of a proxy
 * for instance, must not be able to lock others out.
 */
@Injectable()
export class LoginAttempts {
  private minute = 0;
  private readonly failures = new Map<string, number>();

  constructor(
    private readonly audit: Audit,
    private readonly config: AccountConfig,
  ) {}

  /** Notes a wrong credential; answers `refusal`, or 429 to an address that has sent too many within the minute. */
  failed(remote: string | undefined, refusal: Problem): Problem {
    return this.refused(remote, refusal, this.config.triesPerMinute);
  }

  /** The same of a login to the console, where people type, and less is enough. */
  failedLogin(remote: string | undefined, refusal: Problem): Problem {
    return this.refused(remote, refusal, this.config.loginsPerMinute, 'console');
  }

  private refused(remote: string | undefined, refusal: Problem, most: number, via?: 'console'): Problem {
    const address = networkOf(remote);
    this.audit.sum({ accountId: null, actor: null, address, via, action: 'login.failed', target: null });
    const count = this.count(`${via ?? ''} ${address}`);
    if (count <= most) return refusal;
    const waitS = Math.ceil(((this.minute + 1) * MINUTE_MS - Date.now()) / 1000);
    return new Problem(
      429,
      'too-many-tries',
      `your address has sent more than ${most} wrong credentials within a minute: try again in ${waitS} s`,
      { headers: { 'retry-after': String(Math.max(1, waitS)) } },
    );
  }

  /** Notes that somebody logged in. */
  succeeded(accountId: string, actor: Actor): void {
    this.audit.sum({ accountId, actor, action: 'login.succeeded', target: null });
  }

  private count(address: string): number {
    const minute = Math.floor(Date.now() / MINUTE_MS);
    if (minute !== this.minute || this.failures.size >= MAX_ADDRESSES) this.failures.clear();
    this.minute = minute;
    const count = (this.failures.get(address) ?? 0) + 1;
    this.failures.set(address, count);
    return count;
  }
}
