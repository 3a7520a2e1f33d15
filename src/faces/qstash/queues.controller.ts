import { Controller, Delete, Get, HttpCode, Param, Post, Req } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AccountId, NeedsScope } from '../../accounts/api-key.guard.js';
import { TakesBody } from '../../http/takes-body.js';
import type { QueueView } from '../../messages/queue.store.js';
import { Queues } from '../../messages/queues.js';
import { nameOf, objectOf } from './json-body.js';
import { refused } from './publication.js';

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
  constructor(private readonly queues: Queues) {}

  @Post()
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  async set(@AccountId() accountId: string, @Req() request: FastifyRequest): Promise<void> {
    const { queueName, parallelism, paused } = objectOf(request);
    const name = nameOf(queueName, 'queueName');
    if (paused !== undefined && typeof paused !== 'boolean') throw refused('paused', 'must be true or false');
    await this.queues.set(accountId, name, { parallelism: parallelismOf(parallelism), paused });
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
  remove(@AccountId() accountId: string, @Param('name') name: string): Promise<void> {
    return this.queues.remove(accountId, name);
  }

  @Post(':name/pause')
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  pause(@AccountId() accountId: string, @Param('name') name: string): Promise<void> {
    return this.queues.pause(accountId, name, true);
  }

  @Post(':name/resume')
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  resume(@AccountId() accountId: string, @Param('name') name: string): Promise<void> {
    return this.queues.pause(accountId, name, false);
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
