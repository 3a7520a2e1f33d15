import { Controller, Delete, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiTags, ApiOperation } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccountId, NeedsScope } from '../../accounts/api-key.guard.js';
import { ApiAccount, type Whose, WhoseRows } from '../../accounts/whose.js';
import { FilesService } from '../../files/files.service.js';
import { Quotas } from '../../operations/accept/quotas.js';
import { ApiBytes, ApiUpload } from '../../http/api-answers.js';
import { Problem } from '../../http/problem.js';
import { TakesBody } from '../../http/takes-body.js';
import { sendFile } from '../file-answer.js';
import { storeUpload } from '../incoming-file.js';
import { FileResponse, UploadQuery } from './file.response.js';

@ApiTags('files')
@Controller('v1/files')
export class FilesController {
  constructor(
    readonly files: FilesService,
    readonly quotas: Quotas,
  ) {}

  /** Stores a file: the first file of a multipart form, or the raw body with `?name=`. At most 64 MiB. */
  @Post()
  @TakesBody('upload')
  @ApiOperation({ operationId: 'uploadFile' })
  @HttpCode(201)
  @NeedsScope('operations:write')
  @ApiUpload()
  async upload(
    @AccountId() accountId: string,
    @Query() query: UploadQuery,
    @Req() request: FastifyRequest,
  ): Promise<FileResponse> {
    return FileResponse.from(await storeUpload(this, accountId, request, query.name));
  }

  /** What is known of a stored file. */
  @Get(':id')
  @ApiOperation({ operationId: 'getFile' })
  @NeedsScope('operations:read')
  @ApiAccount()
  async read(@WhoseRows() whose: Whose, @Param('id') id: string): Promise<FileResponse> {
    return FileResponse.from(await this.find(whose.account, id), whose);
  }

  /** The stored bytes with their own content type; Range is honoured. */
  @Get(':id/content')
  @ApiOperation({ operationId: 'getFileContent' })
  @NeedsScope('operations:read')
  @ApiAccount()
  @ApiBytes()
  async content(
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await sendFile(await this.find(whose.account, id), this.files, request, reply, 'attachment');
  }

  /** Deletes a stored file. */
  @Delete(':id')
  @ApiOperation({ operationId: 'deleteFile' })
  @HttpCode(204)
  @NeedsScope('operations:write')
  async remove(@AccountId() accountId: string, @Param('id') id: string): Promise<void> {
    if (!(await this.files.remove(accountId, id))) throw notFound(id);
  }

  private async find(accountId: string | null, id: string) {
    const file = await this.files.find(accountId, id);
    if (!file) throw notFound(id);
    return file;
  }
}

function notFound(id: string): Problem {
  const message = `there is no file ${id.slice(0, 60)} in this account`;
  return new Problem(404, 'file-not-found', message, { errors: [{ path: 'id', message }] });
}
