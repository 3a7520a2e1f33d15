import { Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiQuery, ApiTags, ApiOperation } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccountId, NeedsScope } from '../../accounts/api-key.guard.js';
import type { FileEntity } from '../../files/file.entity.js';
import { FilesService } from '../../files/files.service.js';
import { Quotas } from '../../operations/accept/quotas.js';
import { ApiBytes, ApiUpload } from '../../http/api-answers.js';
import { Problem } from '../../http/problem.js';
import { TakesBody } from '../../http/takes-body.js';
import { sendFile } from '../file-answer.js';
import { storeUpload } from '../incoming-file.js';
import { TrmMediaResponse } from './trm-media.response.js';
import { TrmGuard } from './trm.guard.js';

const MIB = 1024 * 1024;

@ApiTags('trm')
@Controller('api/media')
export class TrmMediaController {
  constructor(
    readonly files: FilesService,
    readonly quotas: Quotas,
  ) {}

  /** Stores the first file of a multipart form; its token may be given to operations. At most 64 MiB. */
  @Post('upload')
  @TakesBody('upload')
  @ApiOperation({ operationId: 'uploadTrmMedia' })
  @HttpCode(200)
  @NeedsScope('operations:write', TrmGuard)
  @ApiUpload()
  async upload(@AccountId() accountId: string, @Req() request: FastifyRequest): Promise<TrmMediaResponse> {
    if (!request.isMultipart())
      throw new Problem(400, 'invalid-request', 'send the file as a part of a multipart/form-data body');
    return TrmMediaResponse.from(await storeUpload(this, accountId, request, undefined));
  }

  /** The bytes of a stored file, for saving. */
  @Get('get/:token')
  @ApiOperation({ operationId: 'getTrmMedia' })
  @NeedsScope('operations:read', TrmGuard)
  @ApiBytes()
  async get(
    @AccountId() accountId: string,
    @Param('token') token: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await sendFile(await this.find(accountId, token), this.files, request, reply, 'attachment');
  }

  /** The bytes of a stored file, for showing; a range is cut to `rangemaxmb`. */
  @Get('get/:token/stream')
  @ApiOperation({ operationId: 'streamTrmMedia' })
  @NeedsScope('operations:read', TrmGuard)
  @ApiQuery({
    name: 'rangemaxmb',
    required: false,
    schema: { type: 'integer', minimum: 1, maximum: 100 },
    description: 'The most of one range, MiB',
  })
  @ApiBytes()
  async stream(
    @AccountId() accountId: string,
    @Param('token') token: string,
    @Query('rangemaxmb') mostMib: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const most = rangeMaxBytes(mostMib);
    await sendFile(await this.find(accountId, token), this.files, request, reply, 'inline', {
      mostRangeBytes: most,
    });
  }

  private async find(accountId: string, token: string): Promise<FileEntity> {
    const file = await this.files.find(accountId, token);
    if (file) return file;
    throw new Problem(400, 'file-not-found', `there is no file ${token.slice(0, 60)} in this account`);
  }
}

function rangeMaxBytes(given: unknown): number | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'string' && /^([1-9]\d?|100)$/.test(given)) return Number(given) * MIB;
  throw new Problem(400, 'invalid-query', 'rangemaxmb: give whole MiB from 1 to 100');
}
