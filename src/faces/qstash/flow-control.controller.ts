import { Controller, Get, HttpCode, Post, Query, Req } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AccountStore } from '../../accounts/account.store.js';
import { AccountId, By, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { Actor } from '../../accounts/audit.store.js';
import { Problem } from '../../http/problem.js';
import { TakesBody } from '../../http/takes-body.js';
import { Quotas } from '../../operations/accept/quotas.js';
import { TooManyFlowsError } from '../../operations/flow/flow.errors.js';
import { type FlowChanges, FlowStore, type FlowView } from '../../operations/flow/flow.store.js';
import { FLOW_KEY } from '../native/flow.request.js';
import { rawAfter } from './caller.js';
import { refused } from './refusal.js';

/** A flow key, in QStash's words. */
interface FlowControlResponse {
  readonly flowControlKey: string;
  readonly waitListSize: number;
  readonly parallelismMax?: number;
  readonly parallelismCount: number;
  readonly rateMax?: number;
  readonly rateCount?: number;
  /** Seconds, as the next one since 1970. */
  readonly ratePeriod?: number;
  readonly ratePeriodStart?: number;
  readonly isPaused: boolean;
  readonly isPinnedParallelism: boolean;
  readonly isPinnedRate: boolean;
}

/** Keys of a list, which has no pages here: `GET /v1/flows` has all of them. */
const MOST_LISTED = 1_000;
const MAX_KEY = 255;
const MAX_COUNT = 100_000;
const MAX_PERIOD_S = 604_800;

type Asked = Record<string, unknown>;

/** Flow keys, beside what messages say of them. */
@ApiExcludeController()
@Controller('qstash/v2')
export class QstashFlowControlController {
  constructor(
    private readonly flows: FlowStore,
    private readonly accounts: AccountStore,
    private readonly quotas: Quotas,
    private readonly audit: Audit,
  ) {}

  @Get('globalParallelism')
  @NeedsScope('operations:read')
  async global(@AccountId() accountId: string): Promise<object> {
    const [account, usage] = await Promise.all([this.accounts.find(accountId), this.quotas.usage(accountId)]);
    return { parallelismMax: account!.slots, parallelismCount: usage.executing };
  }

  @Get('flowControl')
  @NeedsScope('operations:read')
  async list(@AccountId() accountId: string): Promise<FlowControlResponse[]> {
    return (await this.flows.list(accountId, '', MOST_LISTED)).map(toResponse);
  }

  @Get('flowControl/*')
  @NeedsScope('operations:read')
  async read(@AccountId() accountId: string, @Req() request: FastifyRequest): Promise<FlowControlResponse> {
    const key = keyOf(pathOf(request));
    const flow = await this.flows.find(accountId, key);
    if (flow) return toResponse(flow);
    throw new Problem(404, 'not-found', `there is no flow control key ${key}`);
  }

  /** The packages write keys into the path as they are, and a key may have a slash. */
  @Post('flowControl/*')
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  async change(
    @AccountId() accountId: string,
    @Req() request: FastifyRequest,
    @Query() asked: Asked,
    @By() actor: Actor,
  ): Promise<void> {
    const path = pathOf(request);
    const at = path.lastIndexOf('/');
    const [key, action] = [keyOf(path.slice(0, Math.max(at, 0))), path.slice(at + 1)];
    // As with QStash, what is taken back from a key that nobody knows is no mistake.
    if (!(await this.apply(accountId, key, action, asked))) return;
    const { parallelism, rate, period } = asked;
    const details = { action, parallelism, rate, period };
    await this.audit.write({ accountId, actor, action: 'flow.changed', target: key, details });
  }

  /** False where there was nothing to do: nobody knows the key. */
  private async apply(accountId: string, key: string, action: string, asked: Asked): Promise<boolean> {
    if (action === 'pause') return this.set(accountId, key, { paused: true });
    if (action === 'resume') return this.set(accountId, key, { paused: false, onlyKnown: true });
    if (action === 'pin') return this.pin(accountId, key, asked);
    if (action === 'unpin')
      return this.set(accountId, key, {
        ...(asked['parallelism'] === 'true' ? { pinnedParallelism: null } : {}),
        ...(asked['rate'] === 'true' ? { pinnedRate: null } : {}),
        onlyKnown: true,
      });
    if (action === 'resetRate') return this.flows.resetRate(accountId, key);
    throw new Problem(404, 'not-found', `a flow control key has no ${action.slice(0, 100)}`);
  }

  private async pin(accountId: string, key: string, asked: Asked): Promise<boolean> {
    const parallelism = countOf(asked, 'parallelism', MAX_COUNT);
    const rate = countOf(asked, 'rate', MAX_COUNT);
    const periodS = countOf(asked, 'period', MAX_PERIOD_S);
    if (parallelism === null && rate === null)
      throw refused('parallelism', 'or rate must be given: they are pinned');
    if (rate === null && periodS !== null) throw refused('period', 'goes with a rate');
    await this.set(accountId, key, {
      ...(parallelism === null ? {} : { pinnedParallelism: parallelism }),
      ...(rate === null ? {} : { pinnedRate: { rate, periodS: periodS ?? 1 } }),
    });
    // As QStash does: a period begins.
    if (rate !== null) await this.flows.resetRate(accountId, key);
    return true;
  }

  private async set(accountId: string, key: string, changes: FlowChanges): Promise<boolean> {
    try {
      return await this.flows.change(accountId, key, changes);
    } catch (error) {
      if (error instanceof TooManyFlowsError) throw new Problem(412, 'too-many', error.message);
      throw error;
    }
  }
}

function pathOf(request: FastifyRequest): string {
  const [path = ''] = rawAfter(request, '/v2/flowControl/').split('?');
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function keyOf(given: string): string {
  if (given.length <= MAX_KEY && FLOW_KEY.test(given)) return given;
  throw refused('The flow control key', `must have 1 to ${MAX_KEY} characters, and not begin with $`);
}

function countOf(asked: Asked, name: string, most: number): number | null {
  const given = asked[name];
  if (given === undefined) return null;
  const count = typeof given === 'string' && /^\d{1,9}$/.test(given) ? Number(given) : NaN;
  if (count >= 1 && count <= most) return count;
  throw refused(name, `must be a whole number from 1 to ${most}`);
}

function toResponse(flow: FlowView): FlowControlResponse {
  const { key, waiting, executing, parallelism, rate, periodS, started, pausedAt, pinned } = flow;
  return {
    ...{ flowControlKey: key, waitListSize: waiting, parallelismCount: executing },
    ...(parallelism === null ? {} : { parallelismMax: parallelism }),
    ...(rate === null || periodS === null
      ? {}
      : {
          ...{ rateMax: rate, rateCount: started, ratePeriod: periodS },
          // The period is the one that ends now: it slides.
          ratePeriodStart: Math.floor(Date.now() / 1000 - periodS),
        }),
    isPaused: pausedAt !== null,
    isPinnedParallelism: pinned.parallelism,
    isPinnedRate: pinned.rate,
  };
}
