import { Controller, Get, Header, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiQuery, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Problem } from '../http/problem.js';
import { LiveResponse, ReadyResponse } from './health.response.js';
import { HealthService } from './health.service.js';

/** What accepting a request needs: the rest may be away meanwhile. */
const FOR_ACCEPTING = ['postgresql', 'process'];

@ApiTags('health')
@Controller('health')
export class HealthController {
  constructor(private readonly health: HealthService) {}

  /** 200 while the process runs: restart it when this fails, not when `ready` does. */
  @Get('live')
  @ApiOperation({ operationId: 'getLiveness' })
  @Header('cache-control', 'no-store')
  live(): LiveResponse {
    return { status: 'ok' };
  }

  /** 200 while PostgreSQL and, where there is one, the object store can be used, hints go through the queues and the process isn't shutting down, else 503. */
  @Get('ready')
  @ApiOperation({ operationId: 'getReadiness' })
  @ApiQuery({
    name: 'for',
    required: false,
    schema: { type: 'string', enum: ['accepting'] },
    description:
      '`accepting`: 200 while requests can be accepted, also where the queue or the object store is away: for a balancer that sends them.',
  })
  @ApiServiceUnavailableResponse({ type: ReadyResponse })
  @Header('cache-control', 'no-store')
  async ready(
    @Query('for') purpose: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ReadyResponse> {
    if (purpose !== undefined && purpose !== 'accepting')
      throw new Problem(400, 'invalid-query', 'for: must be "accepting", or left out');
    const checks = await this.health.checks();
    const ok = Object.entries(checks).every(
      ([name, check]) => check === 'ok' || (purpose !== undefined && !FOR_ACCEPTING.includes(name)),
    );
    void reply.status(ok ? 200 : 503);
    return { status: ok ? 'ok' : 'unavailable', checks: { ...checks, ...this.health.warnings() } };
  }
}
