import { Controller, Get, Query as Parameters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { AccountId, HasScope, NeedsScope } from '../../accounts/api-key.guard.js';
import type { OperationState } from '../../operations/operation.state.js';
import { HistoryStore } from '../../operations/read/history.store.js';
import { LOG_STATES, type LogResponse, logsOf, type LogState } from './log.response.js';
import { countOf, cursorOf, type Query, readFilter, valuesOf } from './message-filter.js';
import { present, seenBy } from './message.response.js';
import { Budget, type FoundMessage, Messages } from './messages.js';
import { refused } from './refusal.js';

const COUNT = 100;
const MAX_COUNT = 1_000;
/** Messages whose histories are read at once, and by one request; and entries of each. */
const AT_ONCE = 50;
const MAX_READ = 1_000;
const MAX_ENTRIES = 5_000;

interface Page {
  readonly logs: readonly LogResponse[];
  readonly cursor?: string;
}

/** What happened to messages: of the newest message first, and of each the newest first. */
@ApiExcludeController()
@Controller('qstash/v2')
@NeedsScope('operations:read')
export class QstashLogsController {
  constructor(
    private readonly messages: Messages,
    private readonly history: HistoryStore,
  ) {}

  @Get('logs')
  logs(
    @AccountId() accountId: string,
    @HasScope('operations:write') whole: boolean,
    @Parameters() query: Query,
  ): Promise<Page> {
    return this.page(accountId, whole, query);
  }

  /** As it was called before, and by the clients. */
  @Get('events')
  async events(
    @AccountId() accountId: string,
    @HasScope('operations:write') whole: boolean,
    @Parameters() query: Query,
  ): Promise<Omit<Page, 'logs'> & { events: Page['logs'] }> {
    const { logs, ...rest } = await this.page(accountId, whole, query);
    return { events: logs, ...rest };
  }

  private async page(accountId: string, whole: boolean, query: Query): Promise<Page> {
    const wanted = statesOf(query);
    const filter = readFilter(query, 'messageIds');
    // The TypeScript client can't go on from a cursor where it names messages.
    const count = countOf(query, filter.rids === null ? COUNT : MAX_COUNT, MAX_COUNT);
    const sought = { filter, states: endsOf(wanted), newestFirst: true, count: Math.min(count, AT_ONCE) };
    const budget = new Budget();
    const logs: LogResponse[] = [];
    let read = 0;
    for (let after = cursorOf(query); ;) {
      const { found, cursor } = await this.messages.list(accountId, { ...sought, after }, budget);
      const each = await Promise.all(found.map((one) => this.logsOf(one, whole)));
      for (const [index, all] of each.entries()) {
        const meant = all.filter(({ state }) => wanted.includes(state));
        // All of a message's are on one page.
        if (logs.length > 0 && logs.length + meant.length > count) return answer(logs, after);
        logs.push(...meant);
        after = found[index]!.operation.requestId;
      }
      read += found.length;
      const isEnough = logs.length >= count || budget.isSpent || read >= MAX_READ;
      if (cursor === null || isEnough) return answer(logs, cursor);
      after = cursor;
    }
  }

  private async logsOf({ operation, message }: FoundMessage, whole: boolean): Promise<LogResponse[]> {
    const entries = await this.history.list(operation.requestId, '0', MAX_ENTRIES);
    return logsOf({ operation, message: seenBy(whole, message) }, entries).toReversed();
  }
}

function answer(logs: LogResponse[], cursor: string | null): Page {
  return { logs: logs.toSorted((one, other) => other.time - one.time), ...present({ cursor }) };
}

/** The states that are asked for; all of them where none is. */
function statesOf(query: Query): readonly LogState[] {
  const named = valuesOf(query, 'state', true).map((state) => state.toUpperCase());
  if (named.length === 0) return LOG_STATES;
  return named.flatMap((state): readonly LogState[] => {
    if (state === 'IN_PROGRESS') return ['ACTIVE', 'RETRY', 'ERROR'];
    const known = LOG_STATES.find((each) => each === (state === 'CANCELLED' ? 'CANCELED' : state));
    if (known === undefined) throw refused('state', `must be one of ${LOG_STATES.join(', ')}, IN_PROGRESS`);
    return [known];
  });
}

/** The states of operations that have such entries, where only some have. */
function endsOf(wanted: readonly LogState[]): OperationState[] | undefined {
  const ends = { DELIVERED: 'Finished', FAILED: 'Failed', CANCELED: 'Canceled' } as const;
  const states = wanted.map((state) => (state in ends ? ends[state as keyof typeof ends] : null));
  return states.includes(null) ? undefined : (states as OperationState[]);
}
