import { Body, Controller, Delete, Get, HttpCode, Param, Patch } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { KeyHolder } from '../../accounts/account.store.js';
import { HasScope, Holder, NeedsScope } from '../../accounts/api-key.guard.js';
import { HttpConfig } from '../../config/config.js';
import { Problem } from '../../http/problem.js';
import { inboxUrl } from './inbox-url.js';
import { Inbox } from './inbox.js';
import { InboxAnswersRequest } from './inbox.request.js';
import { callbackOf, type ReceivedCallback, type ReceivedSummary, summaryOf } from './inbox.response.js';

/** How the inbox answers, as the console shows and changes it. */
interface Answers {
  fail_next: number;
  wait_s: number;
}

/** What the inbox has received, for the console. */
@ApiExcludeController()
@Controller('console/api/inbox')
export class InboxViewController {
  constructor(
    private readonly inbox: Inbox,
    private readonly http: HttpConfig,
  ) {}

  /** The newest first; of the key's account alone, unless it may see all. */
  @Get()
  @NeedsScope('operations:read')
  list(@Holder() holder: KeyHolder): { url: string; answers: Answers; data: ReceivedSummary[] } {
    const data = this.inbox.list(visibleTo(holder)).map(summaryOf);
    return { url: inboxUrl(this.http), answers: this.answers(), data };
  }

  /** One, with all that came and what was compared. */
  @Get(':number')
  @NeedsScope('operations:read')
  read(
    @Holder() holder: KeyHolder,
    @HasScope('endpoints:write') mayReadSecret: boolean,
    @Param('number') number: string,
  ): ReceivedCallback {
    const one = this.inbox.find(Number(number), visibleTo(holder));
    if (one) return callbackOf(one, mayReadSecret);
    const message = `there is no callback ${number} here, or not any more`;
    throw new Problem(404, 'not-found', message, { errors: [{ path: 'number', message }] });
  }

  /** Says how callbacks are answered from now on. */
  @Patch('answers')
  @NeedsScope('admin')
  answer(@Body() { fail_next: failNext, wait_s: waitS }: InboxAnswersRequest): Answers {
    this.inbox.answer({
      ...(failNext === undefined ? {} : { failNext }),
      ...(waitS === undefined ? {} : { waitS }),
    });
    return this.answers();
  }

  /** Forgets all. */
  @Delete()
  @HttpCode(204)
  @NeedsScope('admin')
  empty(): void {
    this.inbox.empty();
  }

  private answers(): Answers {
    const { failNext, waitS } = this.inbox.answers;
    return { fail_next: failNext, wait_s: waitS };
  }
}

/** The account of which a key sees callbacks; null: all, and those of nobody known. */
function visibleTo({ accountId, scopes }: KeyHolder): string | null {
  return scopes.includes('admin') ? null : accountId;
}
