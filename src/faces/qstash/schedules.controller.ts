import { Controller, Delete, Get, HttpCode, Param, Patch, Post, Req } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AccountId, NeedsScope } from '../../accounts/api-key.guard.js';
import { rawBytes } from '../../http/body-parsers.js';
import { TakesBody } from '../../http/takes-body.js';
import { Publishes, rawAfter } from './caller.js';
import { fieldsOf } from './publication.js';
import type { PublishedBy } from './publisher.js';
import type { QstashScheduleResponse } from './schedule.response.js';
import { QstashSchedules } from './schedules.js';

/** Messages that are sent again and again. */
@ApiExcludeController()
@Controller('qstash/v2/schedules')
export class QstashSchedulesController {
  constructor(private readonly schedules: QstashSchedules) {}

  @Get()
  @NeedsScope('operations:read')
  list(@AccountId() accountId: string): Promise<QstashScheduleResponse[]> {
    return this.schedules.list(accountId);
  }

  @Get(':id')
  @NeedsScope('operations:read')
  read(@AccountId() accountId: string, @Param('id') id: string): Promise<QstashScheduleResponse> {
    return this.schedules.read(accountId, id);
  }

  @Delete(':id')
  @NeedsScope('operations:write')
  remove(@AccountId() accountId: string, @Param('id') id: string): Promise<void> {
    return this.schedules.remove(accountId, id);
  }

  @Patch(':id/pause')
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  pause(@AccountId() accountId: string, @Param('id') id: string): Promise<void> {
    return this.schedules.pause(accountId, id);
  }

  @Patch(':id/resume')
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  resume(@AccountId() accountId: string, @Param('id') id: string): Promise<void> {
    return this.schedules.resume(accountId, id);
  }

  /** As QStash's documentation has it; its packages say PATCH. */
  @Post(':id/pause')
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  pauseByPost(@AccountId() accountId: string, @Param('id') id: string): Promise<void> {
    return this.schedules.pause(accountId, id);
  }

  @Post(':id/resume')
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  resumeByPost(@AccountId() accountId: string, @Param('id') id: string): Promise<void> {
    return this.schedules.resume(accountId, id);
  }

  @Post('*')
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  async create(
    @Publishes() by: PublishedBy,
    @Req() request: FastifyRequest,
  ): Promise<{ readonly scheduleId: string }> {
    const destination = rawAfter(request, '/v2/schedules/');
    const fields = fieldsOf(request.raw.rawHeaders);
    return { scheduleId: await this.schedules.create(by, { destination, fields, body: rawBytes(request) }) };
  }
}
