import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { type AuditEntry, AuditStore } from './audit.store.js';

/** How long what is summed up waits to be stored, ms. */
const FLUSH_MS = 1_000;
const MINUTE_MS = 60_000;
/** Kinds that are summed up at once in this process; those of nobody known are told together beyond, without an address. */
const MAX_KINDS = 1_000;

/** What of a kind this process has seen within a minute. */
interface Sum {
  readonly entry: AuditEntry;
  readonly minute: number;
  count: number;
  stored: number;
  logged: number;
}

/** Writes down who did what, as a row and as a line of the log. */
@Injectable()
export class Audit implements OnModuleDestroy {
  private readonly logger = new Logger('Audit');
  private readonly sums = new Map<string, Sum>();
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> = Promise.resolve();

  constructor(private readonly store: AuditStore) {}

  /** Resolves once it stands. To be awaited before the answer: what can't be written down is not confirmed. */
  async write(entry: AuditEntry): Promise<void> {
    this.log(entry);
    await this.store.add(entry);
  }

  /** The same of what may come in floods: what is alike within a minute is one row with a `count`, written within a second. */
  sum(entry: AuditEntry): void {
    const minute = Math.floor(Date.now() / MINUTE_MS);
    let [key, told] = [keyOf(entry), entry];
    if (entry.actor === null && this.sums.size >= MAX_KINDS && !this.sums.has(`${minute} ${key}`)) {
      told = { accountId: null, actor: null, action: entry.action, target: null };
      key = keyOf(told);
    }
    const sum = this.sums.get(`${minute} ${key}`) ?? { entry: told, minute, count: 0, stored: 0, logged: 0 };
    sum.count++;
    this.sums.set(`${minute} ${key}`, sum);
    this.soon();
  }

  async onModuleDestroy(): Promise<void> {
    clearTimeout(this.timer);
    await this.flush();
  }

  private soon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.flushing = this.flush().finally(() => {
        if (this.sums.size > 0) this.soon();
      });
    }, FLUSH_MS).unref();
  }

  private async flush(): Promise<void> {
    await this.flushing;
    const minute = Math.floor(Date.now() / MINUTE_MS);
    const added = [...this.sums.values()].filter(({ count, stored }) => count > stored);
    const counts = added.map(({ count }) => count);
    for (const sum of this.sums.values()) this.logSum(sum, sum.minute < minute);
    try {
      if (added.length > 0)
        await this.store.addUp(
          added.map(({ entry, count, stored }) => ({ key: keyOf(entry), entry, count: count - stored })),
        );
      for (const [index, sum] of added.entries()) sum.stored = counts[index]!;
    } catch {
      // PostgreSQL is away: they are kept, and the log has them.
    }
    for (const [key, sum] of this.sums)
      if (sum.minute < minute && sum.stored === sum.count) this.sums.delete(key);
  }

  /** A line at the first, and one with the count when the minute is over. */
  private logSum(sum: Sum, over: boolean): void {
    if (sum.logged === sum.count || (sum.logged > 0 && !over)) return;
    sum.logged = sum.count;
    this.log({ ...sum.entry, details: { count: sum.count } });
  }

  private log({ accountId, actor, address, via, action, target, details = {} }: AuditEntry): void {
    const line = {
      msg: 'audit',
      action,
      account: accountId,
      actor: actor?.keyId ?? null,
      actor_name: actor?.name ?? null,
      address: actor?.address ?? address ?? null,
      via: actor?.via ?? via ?? null,
      target,
      details,
    };
    if (action === 'login.failed') this.logger.warn(line);
    else this.logger.log(line);
  }
}

function keyOf({ action, accountId, actor, address, via, target }: AuditEntry): string {
  return JSON.stringify([
    action,
    accountId,
    actor?.keyId ?? null,
    actor?.address ?? address ?? null,
    target,
    actor?.via ?? via,
  ]);
}
