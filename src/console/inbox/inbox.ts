import { Injectable } from '@nestjs/common';
import type { SignatureCheck } from './signature-check.js';

/** What the inbox keeps: the last so many, and no more than so many bytes of bodies. */
const MAX_KEPT = 200;
const MAX_KEPT_BYTES = 16 * 1024 * 1024;

/** A callback as it came. */
export interface Received {
  /** From 1, in the order in which they came. */
  readonly number: number;
  readonly at: Date;
  readonly path: string;
  /** Names and values as they stood in the request. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
  /** Whose delivery it is; null where it is none of this service. */
  readonly accountId: string | null;
  readonly signature: SignatureCheck;
  readonly answered: number;
}

/** How the inbox answers until it is told otherwise. */
export interface InboxAnswers {
  /** So many of the next callbacks get a 500. */
  readonly failNext: number;
  /** Seconds before each answer. */
  readonly waitS: number;
}

/** Callbacks that this process received itself, for those who try things out. They are nowhere but in memory. */
@Injectable()
export class Inbox {
  private received: Received[] = [];
  private bytes = 0;
  private last = 0;
  private plan: InboxAnswers = { failNext: 0, waitS: 0 };

  get answers(): InboxAnswers {
    return this.plan;
  }

  /** Changes how it answers: what isn't given stays. */
  answer(change: Partial<InboxAnswers>): void {
    this.plan = { ...this.plan, ...change };
  }

  /** The status that the next callback is answered with. */
  nextStatus(): number {
    if (this.plan.failNext === 0) return 204;
    this.plan = { ...this.plan, failNext: this.plan.failNext - 1 };
    return 500;
  }

  /** Keeps a callback, and forgets the oldest ones beyond what may be kept. */
  keep(one: Omit<Received, 'number'>): Received {
    const kept = { ...one, number: ++this.last };
    this.received.push(kept);
    this.bytes += kept.body.length;
    while (this.received.length > MAX_KEPT || this.bytes > MAX_KEPT_BYTES)
      this.bytes -= this.received.shift()!.body.length;
    return kept;
  }

  /** The newest first; those of an account, or all where it is null. */
  list(accountId: string | null): Received[] {
    return this.received.filter((one) => isOf(one, accountId)).toReversed();
  }

  find(number: number, accountId: string | null): Received | null {
    return this.received.find((one) => one.number === number && isOf(one, accountId)) ?? null;
  }

  empty(): void {
    this.received = [];
    this.bytes = 0;
  }
}

function isOf(one: Received, accountId: string | null): boolean {
  return accountId === null || one.accountId === accountId;
}
