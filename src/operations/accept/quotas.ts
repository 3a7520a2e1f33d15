import { Injectable } from '@nestjs/common';
import { AccountConfig } from '../../config/config.js';
import { FileTooLargeError, type StoredFile } from '../../files/files.service.js';
import { Figure } from '../read/figure.js';
import { QuotaExceededError } from '../operation.errors.js';
import type { NewOperation } from '../operation-rows.js';
import { type Load, type OwnQuotas, QuotaStore } from './quota.store.js';

/** How long an account's own quotas are believed, ms. */
const BELIEVED_MS = 5_000;
const MAX_ACCOUNTS = 10_000;
/** Nobody counts further than this, where no quota says less. */
const MAX_COUNTED = 1_000_000;
/** Of one of many accounts, that are looked at together. */
const MAX_COUNTED_OF_MANY = 10_000;
const BYTES = { restMs: 10_000, times: 50 };
const WAITING = { restMs: 2_000, times: 20 };
/** After so long it makes sense to try again, seconds: operations go on, stored bytes expire. */
const RETRY_S = { bytes: 60, waiting: 5 };

/** What an account uses, as far as is known. */
export interface Usage {
  readonly bytes: number;
  readonly waiting: number;
  readonly executing: number;
}

/** What an account may use; null for any. */
export interface Quota {
  readonly bytes: number | null;
  readonly waiting: number | null;
}

/** Something that was admitted; tells what became of it. */
export interface Admitted {
  /** So many bytes are stored now; null where nothing came of it. */
  settle(bytes: number | null): void;
  /** Bytes that may come besides those that were announced. */
  readonly room: number;
}

/** Of what no quota counts. */
export const UNCOUNTED: Admitted = { settle: () => undefined, room: Infinity };

/** Of one account. */
class Books {
  readonly bytes: Figure;
  readonly waiting: Figure;
  own: OwnQuotas | undefined;
  until = -Infinity;
  reading: Promise<void> | undefined;

  constructor(store: QuotaStore, accountId: string, mostWaiting: () => number) {
    this.bytes = new Figure(() => store.bytesOf(accountId), BYTES);
    this.waiting = new Figure(() => store.waitingOf(accountId, mostWaiting()), WAITING);
  }
}

/** Keeps accounts to what they may use of what all share. Where there are no quotas, nothing is counted. */
@Injectable()
export class Quotas {
  private readonly books = new Map<string, Books>();

  constructor(
    private readonly store: QuotaStore,
    private readonly config: AccountConfig,
  ) {}

  /** Admits so many bytes, and an operation that waits; or fails with a `QuotaExceededError`. */
  async admit(accountId: string, bytes: number, waiting: 0 | 1): Promise<Admitted> {
    const books = this.booksOf(accountId);
    const quota = await this.read(accountId, books);
    if (quota.bytes === null && quota.waiting === null) return UNCOUNTED;
    if (quota.bytes !== null && !(await books.bytes.take(bytes, quota.bytes)))
      throw exceeded('bytes', quota.bytes, books.bytes.value);
    const counted = quota.waiting !== null && waiting > 0;
    if (counted && !(await books.waiting.take(waiting, quota.waiting))) {
      if (quota.bytes !== null) books.bytes.settle(bytes, 0);
      throw exceeded('waiting', quota.waiting, books.waiting.value);
    }
    const room = quota.bytes === null ? Infinity : quota.bytes - books.bytes.value;
    return {
      room,
      settle: (stored) => {
        if (quota.bytes !== null) books.bytes.settle(bytes, stored ?? 0);
        if (counted) books.waiting.settle(waiting, stored === null ? 0 : waiting);
      },
    };
  }

  /** Stores a file of so many announced bytes; `save` gets the most that it may have, which is at most `most`. */
  async file(
    accountId: string,
    announced: number,
    most: number,
    save: (mostBytes: number) => Promise<StoredFile>,
  ): Promise<StoredFile> {
    const admitted = await this.admit(accountId, announced, 0);
    const mostBytes = Math.min(most, announced + admitted.room);
    let stored: number | null = null;
    try {
      const file = await save(mostBytes);
      stored = file.size;
      return file;
    } catch (error) {
      if (!(error instanceof FileTooLargeError) || mostBytes === most) throw error;
      const { bytes } = await this.of(accountId);
      throw exceeded('bytes', bytes ?? 0, this.booksOf(accountId).bytes.value);
    } finally {
      admitted.settle(stored);
    }
  }

  async of(accountId: string): Promise<Quota> {
    return this.read(accountId, this.booksOf(accountId));
  }

  /** What the account uses; bytes may be older where it takes long to count them. */
  async usage(accountId: string): Promise<Usage> {
    const books = this.booksOf(accountId);
    const [executing] = await Promise.all([
      this.store.executingOf(accountId),
      books.bytes.again(),
      books.waiting.again(),
    ]);
    return { bytes: books.bytes.value, waiting: books.waiting.value, executing };
  }

  /** What runs of each of these accounts, and what waits, up to 10,000 each. */
  loads(accountIds: readonly string[]): Promise<ReadonlyMap<string, Load>> {
    return this.store.loadOf(accountIds, MAX_COUNTED_OF_MANY);
  }

  /** Its quotas were changed here: they hold from now on. */
  changed(accountId: string): void {
    this.books.delete(accountId);
  }

  private booksOf(accountId: string): Books {
    let books = this.books.get(accountId);
    if (!books) {
      if (this.books.size >= MAX_ACCOUNTS) this.books.clear();
      const made: Books = new Books(this.store, accountId, () => {
        const most = this.effective(made.own).waiting;
        return most === null ? MAX_COUNTED : most + 1;
      });
      books = made;
      this.books.set(accountId, books);
    }
    return books;
  }

  /** From memory but for the first time: what is old is read again behind the caller's back. */
  private async read(accountId: string, books: Books): Promise<Quota> {
    if (books.until <= performance.now()) {
      books.reading ??= this.store
        .quotasOf(accountId)
        .then((own) => {
          books.own = own;
          books.until = performance.now() + BELIEVED_MS;
        })
        .finally(() => (books.reading = undefined));
      if (books.own === undefined) await books.reading;
      else books.reading.catch(() => undefined);
    }
    return this.effective(books.own);
  }

  private effective(own: OwnQuotas | undefined): Quota {
    const { quotaBytes, quotaWaiting } = this.config;
    return { bytes: (own?.bytes ?? quotaBytes) || null, waiting: (own?.waiting ?? quotaWaiting) || null };
  }
}

function exceeded(quota: 'bytes' | 'waiting', most: number, used: number): QuotaExceededError {
  return new QuotaExceededError(quota, most, Math.max(0, most - used), RETRY_S[quota]);
}

/** What of a quota of bytes it uses. */
export function sizeOf({ input }: NewOperation): number {
  return input?.length ?? 0;
}
