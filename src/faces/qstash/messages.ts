import { Injectable } from '@nestjs/common';
import type { Found } from '../../database/page-of.js';
import { Problem } from '../../http/problem.js';
import { MESSAGE, type Message, ridOf } from '../../messages/message.js';
import { SealedInputs } from '../../operations/accept/sealed-inputs.js';
import type { OperationEntity } from '../../operations/operation.entity.js';
import type { OperationState } from '../../operations/operation.state.js';
import type { OperationFilter } from '../../operations/read/operation-filter.js';
import { type OperationNumber, OperationReads } from '../../operations/read/operation-reads.store.js';
import type { MessageFilter } from './message-filter.js';

/** A message and the operation that delivers it. */
export interface FoundMessage {
  readonly operation: OperationEntity;
  readonly message: Message;
}

/** A page of messages: it may have fewer than were asked for, or none, and all the same a cursor. */
export interface FoundMessages {
  readonly found: readonly FoundMessage[];
  readonly cursor: string | null;
}

/** Which messages are looked for, and from where. */
export interface Sought {
  readonly states?: readonly OperationState[] | undefined;
  readonly filter: MessageFilter;
  /** Whether the filter's times are those of the ends. */
  readonly byEnd?: boolean;
  readonly newestFirst: boolean;
  readonly after: string | null;
  readonly count: number;
}

const PAGE = 250;
/** Messages of a request that something is done with at once: others want a connection, too. */
const AT_ONCE = 50;
export const LIVE: readonly OperationState[] = ['Waiting', 'Executing'];

/** What is left of what one request may look at: it judges one message at a time, and holds those that it has found. */
export class Budget {
  private messages = 5_000;
  bytes = 8 * 1024 * 1024;

  get isSpent(): boolean {
    return this.messages <= 0 || this.bytes <= 0;
  }

  spend(content: string | null, result: string | null): void {
    this.messages--;
    this.bytes -= (content?.length ?? 0) + (result?.length ?? 0);
  }
}

/** Reads messages by their account. Those whose content has expired, or was erased, are as if they weren't there. */
@Injectable()
export class Messages {
  constructor(
    private readonly reads: OperationReads,
    private readonly inputs: SealedInputs,
  ) {}

  /** One that isn't over, by its id, or a Problem 404. */
  async live(accountId: string, id: string): Promise<FoundMessage> {
    const found = await this.find(accountId, ridOf(id) ?? '');
    if (found && LIVE.includes(found.operation.state)) return found;
    throw new Problem(
      404,
      'not-found',
      `message ${id.slice(0, 64)} not found: it has ended, or there was none`,
    );
  }

  /** One in the dead letter queue, by its id there, or a Problem 404. */
  async dead(accountId: string, id: string): Promise<FoundMessage> {
    const found = await this.find(accountId, ridOf(id) ?? '');
    if (found?.operation.state === 'Failed') return found;
    throw new Problem(404, 'not-found', `dlq message ${id.slice(0, 64)} not found`);
  }

  /** A page of those that are meant. */
  async list(accountId: string, sought: Sought, budget = new Budget()): Promise<FoundMessages> {
    const { filter, newestFirst, count } = sought;
    const found: FoundMessage[] = [];
    let { after } = sought;
    while (found.length < count && !budget.isSpent) {
      const limit = filter.isJudged ? PAGE : count - found.length;
      const content = { input: true, bytes: budget.bytes };
      const page = await this.reads.list(wanted(accountId, sought), { newestFirst, after, limit }, content);
      for (const { operation } of page.rows) {
        // There are more.
        if (found.length === count) return { found, cursor: after };
        budget.spend(operation.input, operation.result);
        const one = this.opened(operation);
        if (one && filter.matches(operation, one.message)) found.push(one);
        after = operation.requestId;
      }
      if (page.next === null) return { found, cursor: null };
      after = page.next;
      if (page.rows.length === 0) budget.spend(null, null);
    }
    return { found, cursor: after };
  }

  /** As `list`, for those that act on what is found: nothing is opened unless the filter asks what is in it. */
  async select(accountId: string, sought: Sought): Promise<Found<OperationNumber>> {
    const { filter, newestFirst, after, count } = sought;
    if (!filter.isJudged)
      return this.reads.select(wanted(accountId, sought), { newestFirst, after, limit: count });
    const { found, cursor } = await this.list(accountId, sought);
    return { rows: found.map(({ operation }) => operation), next: cursor };
  }

  private async find(accountId: string, rid: string): Promise<FoundMessage | null> {
    const view = rid === '' ? null : await this.reads.find(accountId, rid);
    return view === null || view.operation.type !== MESSAGE ? null : this.opened(view.operation);
  }

  private opened(operation: OperationEntity): FoundMessage | null {
    return operation.input === null ? null : { operation, message: this.inputs.open(operation) as Message };
  }
}

/** Does it with each, a slice at a time; answers what became of each. */
export async function inSlices<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (let at = 0; at < all.length; at += AT_ONCE)
    done.push(...(await Promise.all(all.slice(at, at + AT_ONCE).map(work))));
  return done;
}

/** Those that must be the operation's are looked up by index. */
function wanted(account: string, { states, filter, byEnd = false }: Sought): OperationFilter {
  const { from, to } = filter;
  const after = from === null ? undefined : new Date(from.getTime() - 1);
  const before = to === null ? undefined : new Date(to.getTime() + 1);
  const times = byEnd
    ? { finishedAfter: after, finishedBefore: before }
    : { createdAfter: after, createdBefore: before };
  return { account, types: [MESSAGE], states, rids: filter.rids ?? undefined, withInput: true, ...times };
}
