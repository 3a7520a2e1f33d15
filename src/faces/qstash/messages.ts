import { Injectable } from '@nestjs/common';
import { Problem } from '../../http/problem.js';
import { answerOf } from '../../messages/message-answer.js';
import { MESSAGE, type Message, ridOf } from '../../messages/message.js';
import { SealedInputs } from '../../operations/accept/sealed-inputs.js';
import type { OperationEntity } from '../../operations/operation.entity.js';
import type { OperationState } from '../../operations/operation.state.js';
import type { OperationFilter } from '../../operations/read/operation-filter.js';
import { OperationReads } from '../../operations/read/operation-reads.store.js';
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
  /** How many were looked at for it. */
  readonly looked: number;
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
/** Messages that one request looks at: filters are judged one message at a time. */
export const MAX_LOOKED = 5_000;
/** Messages of a request that something is done with at once: others want a connection, too. */
const AT_ONCE = 50;
const LIVE: readonly OperationState[] = ['Waiting', 'Executing'];

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

  /** A page of those that are meant. Those that are named by id are one page. */
  async list(accountId: string, sought: Sought): Promise<FoundMessages> {
    const { filter, states } = sought;
    if (filter.rids === null) return this.walk(accountId, sought);
    const named = await inSlices([...new Set(filter.rids)], (rid) => this.find(accountId, rid));
    const found = named.filter((one): one is FoundMessage => one !== null && isOf(one, states));
    return { found, cursor: null, looked: named.length };
  }

  private async find(accountId: string, rid: string): Promise<FoundMessage | null> {
    const view = rid === '' ? null : await this.reads.find(accountId, rid);
    return view === null || view.operation.type !== MESSAGE ? null : this.opened(view.operation);
  }

  private opened(operation: OperationEntity): FoundMessage | null {
    return operation.input === null ? null : { operation, message: this.inputs.open(operation) as Message };
  }

  private async walk(accountId: string, sought: Sought): Promise<FoundMessages> {
    const { filter, newestFirst, count } = sought;
    const found: FoundMessage[] = [];
    let { after } = sought;
    let looked = 0;
    while (looked < MAX_LOOKED) {
      const page = await this.reads.list(wanted(accountId, sought), { newestFirst, after, limit: PAGE });
      for (const { operation } of page.rows) {
        // There are more.
        if (found.length === count) return { found, cursor: after, looked };
        const one = this.opened(operation);
        if (one && filter.matches(operation, one.message) && hasStatus(one, filter)) found.push(one);
        after = operation.requestId;
        looked++;
      }
      if (page.next === null) return { found, cursor: null, looked };
      after = page.next;
      if (page.rows.length === 0) looked++;
    }
    return { found, cursor: after, looked };
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
  return { account, types: [MESSAGE], states, ...times };
}

function isOf({ operation }: FoundMessage, states: readonly OperationState[] | undefined): boolean {
  return states?.includes(operation.state) ?? true;
}

function hasStatus({ operation }: FoundMessage, { statuses }: MessageFilter): boolean {
  if (statuses.length === 0) return true;
  return statuses.includes(answerOf(operation).status);
}
