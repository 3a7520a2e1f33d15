import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { NeedsScope } from '../../accounts/api-key.guard.js';
import { ApiPage } from '../../http/api-answers.js';
import { decodeCursor, type Page, TEXT_KEY, toPage } from '../../http/page.js';
import { Processes } from '../../engine/processes.js';
import { ProcessStore } from '../../engine/process.store.js';
import { limitOf, PageQuery } from './operation.request.js';
import { ProcessResponse } from './process.response.js';

@ApiTags('admin')
@Controller('v1/processes')
@NeedsScope('admin')
export class ProcessesController {
  constructor(
    private readonly store: ProcessStore,
    private readonly processes: Processes,
  ) {}

  /** The processes of the installation that run, and remote workers; one that was killed is listed for up to 35 s. */
  @Get()
  @ApiOperation({ operationId: 'listProcesses' })
  @ApiPage(ProcessResponse)
  async list(@Query() query: PageQuery): Promise<Page<ProcessResponse>> {
    const limit = limitOf(query);
    const rows = await this.store.list(decodeCursor(query.cursor, '', TEXT_KEY), limit + 1);
    const { id, running } = this.processes;
    return toPage(
      rows,
      limit,
      (process) => process.id,
      (process) => ProcessResponse.from(process.id === id ? { ...process, running } : process),
    );
  }
}
