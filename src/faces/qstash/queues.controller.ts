import { Controller, Delete, Get, HttpCode, Param, Post, Req } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AccountId, By, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { AuditAction } from '../../accounts/audit-action.js';
import type { Actor } from '../../accounts/audit.store.js';
import { TakesBody } from '../../http/takes-body.js';
import { queueKey, type QueueView } from '../../messages/queue.store.js';
import { Queues } from '../../messages/queues.js';
import { nameOf, objectOf } from './json-body.js';
import { refused } from './refusal.js';

/** A queue, in QStash's words. */
interface QueueResponse {
  readonly name: string;
  readonly parallelism: number;
  readonly paused: boolean;
  readonly lag: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

const MAX_PARALLELISM = 100_000;

/** Lanes in which messages wait for each other. */
@ApiExcludeController()
@Controller('qstash/v2/queues')
export class QstashQueuesController {
  constructor(
    private readonly queues: Queues,
    private readonly audit: Audit,
  ) {}

  @Post()
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  async set(
    @AccountId() accountId: string,
    @Req() request: FastifyRequest,
    @By() actor: Actor,
  ): Promise<void> {
    const { queueName, parallelism, paused } = objectOf(request);
    const name = nameOf(queueName, 'queueName');
    if (paused !== undefined && typeof paused !== 'boolean') throw refused('paused', 'must be true or false');
    const changes = { parallelism: parallelismOf(parallelism), paused };
    await this.queues.set(accountId, name, changes);
    await this.wrote(accountId, name, actor, 'flow.changed', changes);
  }

  @Get()
  @NeedsScope('operations:read')
  async list(@AccountId() accountId: string): Promise<QueueResponse[]> {
    return (await this.queues.list(accountId)).map(toResponse);
  }

  @Get(':name')
  @NeedsScope('operations:read')
  async read(@AccountId() accountId: string, @Param('name') name: string): Promise<QueueResponse> {
    return toResponse(await this.queues.find(accountId, name));
  }

  @Delete(':name')
  @NeedsScope('operations:write')
  async remove(
    @AccountId() accountId: string,
    @Param('name') name: string,
    @By() actor: Actor,
  ): Promise<void> {
    if (await this.queues.remove(accountId, name)) await this.wrote(accountId, name, actor, 'flow.reset', {});
  }

  @Post(':name/pause')
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  pause(@AccountId() accountId: string, @Param('name') name: string, @By() actor: Actor): Promise<void> {
    return this.setPaused(accountId, name, actor, true);
  }

  @Post(':name/resume')
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  resume(@AccountId() accountId: string, @Param('name') name: string, @By() actor: Actor): Promise<void> {
    return this.setPaused(accountId, name, actor, false);
  }

  private async setPaused(accountId: string, name: string, actor: Actor, paused: boolean): Promise<void> {
    await this.queues.pause(accountId, name, paused);
    await this.wrote(accountId, name, actor, 'flow.changed', { paused });
  }

  /** A queue is a flow key. */
  private wrote(
    accountId: string,
    name: string,
    actor: Actor,
    action: AuditAction,
    details: Record<string, unknown>,
  ): Promise<void> {
    return this.audit.write({ accountId, actor, action, target: queueKey(name), details });
  }
}

function parallelismOf(given: unknown = 1): number {
  if (Number.isInteger(given) && (given as number) >= 1 && (given as number) <= MAX_PARALLELISM)
    return given as number;
  throw refused('parallelism', `must be a whole number from 1 to ${MAX_PARALLELISM}`);
}

function toResponse({ createdAt, updatedAt, ...queue }: QueueView): QueueResponse {
  return { ...queue, createdAt: createdAt.getTime(), updatedAt: updatedAt.getTime() };
}
