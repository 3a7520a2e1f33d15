import { Controller, Get, Header, Res } from '@nestjs/common';
import { ApiServiceUnavailableResponse, ApiTags, ApiOperation } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { LiveResponse, ReadyResponse } from './health.response.js';
import { HealthService } from './health.service.js';

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
  @ApiServiceUnavailableResponse({ type: ReadyResponse })
  @Header('cache-control', 'no-store')
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<ReadyResponse> {
    const checks = await this.health.checks();
    const ok = Object.values(checks).every((check) => check === 'ok');
    void reply.status(ok ? 200 : 503);
    return { status: ok ? 'ok' : 'unavailable', checks: { ...checks, ...this.health.warnings() } };
  }
}
