import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { AccountId, By, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { AuditAction } from '../../accounts/audit-action.js';
import type { Actor } from '../../accounts/audit.store.js';
import { ApiAccount, type Whose, WhoseRows } from '../../accounts/whose.js';
import { HttpConfig } from '../../config/config.js';
import { ApiExamples, ApiIdempotencyKey, ApiPage, ApiProblem } from '../../http/api-answers.js';
import { decodeCursor, type Page, TEXT_KEY, toPage } from '../../http/page.js';
import { NoFields } from '../../http/validation.pipe.js';
import { OperationReads } from '../../operations/read/operation-reads.store.js';
import type { ScheduleEntity } from '../../schedules/schedule.entity.js';
import { ScheduleStore } from '../../schedules/schedule.store.js';
import { SchedulesService } from '../../schedules/schedules.service.js';
import { traceparentOf } from '../../tracing/spans.js';
import { limitOf, OwnedPageQuery } from './operation.request.js';
import { OperationResponse } from './operation.response.js';
import { ChangeScheduleRequest, CreateScheduleRequest, describeSchedule } from './schedule.request.js';
import { ScheduleResponse } from './schedule.response.js';
import { toPartIdempotency } from './submission.js';

/** Operations that are told of a schedule. */
const RUNS_TOLD = 5;

@ApiTags('schedules')
@Controller('v1/schedules')
export class SchedulesController {
  constructor(
    private readonly schedules: SchedulesService,
    private readonly store: ScheduleStore,
    private readonly operations: OperationReads,
    private readonly audit: Audit,
    private readonly http: HttpConfig,
  ) {}

  /** Submits an operation at times known beforehand. What would be refused at a tick is refused now. */
  @Post()
  @ApiOperation({ operationId: 'createSchedule' })
  @HttpCode(201)
  @NeedsScope('operations:write')
  @ApiExamples(CreateScheduleRequest, {
    'Nights from Monday to Friday': {
      name: 'nightly report',
      cron: '0 3 * * MON-FRI',
      time_zone: 'Europe/Paris',
      operation: { type: 'echo', input: { report: 'sales' } },
    },
    'Every quarter of an hour, one at a time': {
      name: 'sync',
      every_s: 900,
      overlap: 'skip',
      operation: { type: 'http.request', input: { method: 'POST', url: 'https://example.com/sync' } },
    },
  })
  @ApiProblem(429, 'URLs named too many new hosts in a minute')
  async create(
    @AccountId() accountId: string,
    @Body() request: CreateScheduleRequest,
    @By() actor: Actor,
  ): Promise<ScheduleResponse> {
    const schedule = await this.schedules.create(accountId, describeSchedule(request, null));
    await this.wrote(schedule, actor, 'schedule.created');
    return this.whole(schedule);
  }

  /** The account's schedules. */
  @Get()
  @ApiOperation({ operationId: 'listSchedules' })
  @NeedsScope('operations:read')
  @ApiPage(ScheduleResponse)
  async list(@WhoseRows() whose: Whose, @Query() query: OwnedPageQuery): Promise<Page<ScheduleResponse>> {
    const limit = limitOf(query);
    const rows = await this.store.list(whose.account, decodeCursor(query.cursor, '', TEXT_KEY), limit + 1);
    return toPage(
      rows,
      limit,
      ({ id }) => id,
      (schedule) => ScheduleResponse.from(schedule, this.schedules.operationOf(schedule), { whose }),
    );
  }

  /** One schedule, with its next times and its last operations. */
  @Get(':id')
  @ApiOperation({ operationId: 'getSchedule' })
  @NeedsScope('operations:read')
  @ApiAccount()
  async read(@WhoseRows() whose: Whose, @Param('id') id: string): Promise<ScheduleResponse> {
    return this.whole(await this.schedules.find(whose.account, id), whose);
  }

  /** Changes what is given; where its times change, it goes on from now. */
  @Patch(':id')
  @ApiOperation({ operationId: 'changeSchedule' })
  @NeedsScope('operations:write')
  @ApiAccount()
  @ApiExamples(ChangeScheduleRequest, { 'Another time': { cron: '0 4 * * *' } })
  @ApiProblem(429, 'URLs named too many new hosts in a minute')
  async change(
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @Body() request: ChangeScheduleRequest,
    @By() actor: Actor,
  ): Promise<ScheduleResponse> {
    const accountId = await this.ownerOf(whose, id);
    const changed = await this.schedules.change(accountId, id, (current) =>
      describeSchedule(request, current),
    );
    await this.wrote(changed, actor, 'schedule.changed', { fields: Object.keys(request) });
    return this.whole(changed, whose);
  }

  /** Deletes it; what it has submitted stays. */
  @Delete(':id')
  @ApiOperation({ operationId: 'deleteSchedule' })
  @HttpCode(204)
  @NeedsScope('operations:write')
  @ApiAccount()
  async remove(@WhoseRows() whose: Whose, @Param('id') id: string, @By() actor: Actor): Promise<void> {
    const accountId = await this.ownerOf(whose, id);
    await this.schedules.remove(accountId, id);
    await this.wrote({ accountId, id }, actor, 'schedule.deleted');
  }

  /** Ticks no more until it is resumed. */
  @Post(':id/pause')
  @ApiOperation({ operationId: 'pauseSchedule' })
  @HttpCode(200)
  @NeedsScope('operations:write')
  @ApiAccount()
  async pause(
    @NoFields() _body: unknown,
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @By() actor: Actor,
  ): Promise<ScheduleResponse> {
    const schedule = await this.schedules.pause(await this.ownerOf(whose, id), id);
    await this.wrote(schedule, actor, 'schedule.paused');
    return this.whole(schedule, whose);
  }

  /** Ticks from now on; what would have come while it was paused is not owed. */
  @Post(':id/resume')
  @ApiOperation({ operationId: 'resumeSchedule' })
  @HttpCode(200)
  @NeedsScope('operations:write')
  @ApiAccount()
  async resume(
    @NoFields() _body: unknown,
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @By() actor: Actor,
  ): Promise<ScheduleResponse> {
    const schedule = await this.schedules.resume(await this.ownerOf(whose, id), id);
    await this.wrote(schedule, actor, 'schedule.resumed');
    return this.whole(schedule, whose);
  }

  /** Submits its operation now, besides its ticks; a paused one too. */
  @Post(':id/run')
  @ApiOperation({ operationId: 'runSchedule' })
  @HttpCode(202)
  @NeedsScope('operations:write')
  @ApiAccount()
  @ApiIdempotencyKey()
  @ApiProblem(429, 'URLs named too many new hosts in a minute')
  async run(
    @NoFields() _body: unknown,
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @Headers('idempotency-key') key: string | undefined,
    @Headers('traceparent') traceparent: string | undefined,
  ): Promise<OperationResponse> {
    const { view } = await this.schedules.run(await this.ownerOf(whose, id), id, {
      idempotency: toPartIdempotency(key, `schedule ${id}`, () => ''),
      traceparent: traceparentOf(traceparent),
    });
    return OperationResponse.from(view, this.http.publicUrl, whose);
  }

  /** The account that a change is made in: the key's own or the one that is named; of `*`, whosever the schedule is. */
  private async ownerOf(whose: Whose, id: string): Promise<string> {
    return (await this.schedules.find(whose.account, id)).accountId;
  }

  private async whole(schedule: ScheduleEntity, whose?: Whose): Promise<ScheduleResponse> {
    const { rows } = await this.operations.list(
      { account: schedule.accountId, schedule: schedule.id },
      { newestFirst: true, after: null, limit: RUNS_TOLD },
    );
    const next = this.schedules.nextTimes(schedule);
    return ScheduleResponse.from(schedule, this.schedules.operationOf(schedule), { next, runs: rows, whose });
  }

  private wrote(
    { accountId, id }: Pick<ScheduleEntity, 'accountId' | 'id'>,
    actor: Actor,
    action: AuditAction,
    details: Record<string, unknown> = {},
  ): Promise<void> {
    return this.audit.write({ accountId, actor, action, target: id, details });
  }
}
