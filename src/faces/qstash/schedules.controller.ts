import { Controller, Delete, Get, HttpCode, Param, Patch, Post, Req } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AccountId, By, HasScope, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { AuditAction } from '../../accounts/audit-action.js';
import type { Actor } from '../../accounts/audit.store.js';
import type { ScheduleEntity } from '../../schedules/schedule.entity.js';
import { rawBytes } from '../../http/body-parsers.js';
import { TakesBody } from '../../http/takes-body.js';
import { Publishes, rawAfter } from './caller.js';
import { fieldsOf } from './fields.js';
import type { PublishedBy } from './publisher.js';
import type { QstashScheduleResponse } from './schedule.response.js';
import { QstashSchedules } from './schedules.js';

/** Messages that are sent again and again. */
@ApiExcludeController()
@Controller('qstash/v2/schedules')
export class QstashSchedulesController {
  constructor(
    private readonly schedules: QstashSchedules,
    private readonly audit: Audit,
  ) {}

  @Get()
  @NeedsScope('operations:read')
  list(
    @AccountId() accountId: string,
    @HasScope('operations:write') whole: boolean,
  ): Promise<QstashScheduleResponse[]> {
    return this.schedules.list(accountId, whole);
  }

  @Get(':id')
  @NeedsScope('operations:read')
  read(
    @AccountId() accountId: string,
    @HasScope('operations:write') whole: boolean,
    @Param('id') id: string,
  ): Promise<QstashScheduleResponse> {
    return this.schedules.read(accountId, id, whole);
  }

  @Delete(':id')
  @NeedsScope('operations:write')
  async remove(
    @AccountId() accountId: string,
    @Param('id') scheduleId: string,
    @By() actor: Actor,
  ): Promise<void> {
    const id = await this.schedules.remove(accountId, scheduleId);
    if (id !== null) await this.wrote({ accountId, id }, actor, 'schedule.deleted');
  }

  @Patch(':id/pause')
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  pause(@AccountId() accountId: string, @Param('id') id: string, @By() actor: Actor): Promise<void> {
    return this.paused(accountId, id, actor);
  }

  @Patch(':id/resume')
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  resume(@AccountId() accountId: string, @Param('id') id: string, @By() actor: Actor): Promise<void> {
    return this.resumed(accountId, id, actor);
  }

  /** As QStash's documentation has it; its packages say PATCH. */
  @Post(':id/pause')
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  pauseByPost(@AccountId() accountId: string, @Param('id') id: string, @By() actor: Actor): Promise<void> {
    return this.paused(accountId, id, actor);
  }

  @Post(':id/resume')
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  resumeByPost(@AccountId() accountId: string, @Param('id') id: string, @By() actor: Actor): Promise<void> {
    return this.resumed(accountId, id, actor);
  }

  @Post('*')
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  async create(
    @Publishes() by: PublishedBy,
    @By() actor: Actor,
    @Req() request: FastifyRequest,
  ): Promise<{ readonly scheduleId: string }> {
    const destination = rawAfter(request, '/v2/schedules/');
    const fields = fieldsOf(request.raw.rawHeaders);
    const put = await this.schedules.create(by, { destination, fields, body: rawBytes(request) });
    await this.wrote(put, actor, put.changes === 0 ? 'schedule.created' : 'schedule.changed');
    return { scheduleId: put.name };
  }

  private async paused(accountId: string, scheduleId: string, actor: Actor): Promise<void> {
    await this.wrote(await this.schedules.pause(accountId, scheduleId), actor, 'schedule.paused');
  }

  private async resumed(accountId: string, scheduleId: string, actor: Actor): Promise<void> {
    await this.wrote(await this.schedules.resume(accountId, scheduleId), actor, 'schedule.resumed');
  }

  private wrote(
    { accountId, id }: Pick<ScheduleEntity, 'accountId' | 'id'>,
    actor: Actor,
    action: AuditAction,
  ): Promise<void> {
    return this.audit.write({ accountId, actor, action, target: id, details: {} });
  }
}
