import { Readable } from 'node:stream';
import { Controller, Delete, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccountId, NeedsScope } from '../../accounts/api-key.guard.js';
import { FilesService } from '../../files/files.service.js';
import { ApiBytes } from '../../http/api-answers.js';
import { Problem } from '../../http/problem.js';
import { MOST_UPLOAD_BYTES, rawContentType } from '../../http/body-parsers.js';
import { sendFile } from './file-answer.js';
import { FileResponse, UploadQuery } from './file.response.js';

@ApiTags('files')
@Controller('v1/files')
export class FilesController {
  constructor(private readonly files: FilesService) {}

  /** Stores a file: the first file of a multipart form, or the raw body with `?name=`. At most 64 MiB. */
  @Post()
  @HttpCode(201)
  @NeedsScope('operations:write')
  @ApiConsumes('multipart/form-data', 'application/octet-stream')
  @ApiBody({ schema: { type: 'object', properties: { file: { type: 'string', format: 'binary' } } } })
  async upload(
    @AccountId() accountId: string,
    @Query() query: UploadQuery,
    @Req() request: FastifyRequest,
  ): Promise<FileResponse> {
    const { stream, name, contentType } = await incomingFile(request, query.name);
    try {
      const file = await this.files.save(stream, {
        accountId,
        name,
        contentType,
        mostBytes: MOST_UPLOAD_BYTES,
      });
      return FileResponse.from((await this.files.find(accountId, file.id))!);
    } catch (error) {
      throw stream.errored ? malformedForm(stream.errored) : error;
    }
  }

  /** What is known of a stored file. */
  @Get(':id')
  @NeedsScope('operations:read')
  async read(@AccountId() accountId: string, @Param('id') id: string): Promise<FileResponse> {
    return FileResponse.from(await this.find(accountId, id));
  }

  /** The stored bytes with their own content type; Range is honoured. */
  @Get(':id/content')
  @NeedsScope('operations:read')
  @ApiBytes()
  async content(
    @AccountId() accountId: string,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await sendFile(await this.find(accountId, id), this.files, request, reply, 'attachment');
  }

  /** Deletes a stored file. */
  @Delete(':id')
  @HttpCode(204)
  @NeedsScope('operations:write')
  async remove(@AccountId() accountId: string, @Param('id') id: string): Promise<void> {
    if (!(await this.files.remove(accountId, id))) throw notFound(id);
  }

  private async find(accountId: string, id: string) {
    const file = await this.files.find(accountId, id);
    if (!file) throw notFound(id);
    return file;
  }
}

interface IncomingFile {
  stream: Readable;
  name: string;
  contentType: string;
}

async function incomingFile(request: FastifyRequest, name: string | undefined): Promise<IncomingFile> {
  if (request.isMultipart()) {
    const part = await request.file().catch((error: Error & { statusCode?: number }) => {
      throw error.statusCode === undefined ? malformedForm(error) : error;
    });
    if (!part)
      throw new Problem(422, 'invalid-request', 'the form has no file', {
        errors: [{ path: 'file', message: 'is missing: send one part with a file name' }],
      });
    return { stream: part.file, name: name ?? part.filename ?? 'unnamed', contentType: part.mimetype };
  }
  if (name === undefined) {
    throw new Problem(422, 'invalid-request', 'a raw upload needs ?name=', {
      errors: [{ path: 'name', message: 'is missing: add ?name=file.po' }],
    });
  }
  const body = request.body instanceof Readable ? request.body : Readable.from([]);
  return { stream: body, name, contentType: rawContentType(request) };
}

/** What arrived is no whole form: the caller's fault, or the caller has gone. */
function malformedForm({ message }: Error): Problem {
  return new Problem(400, 'malformed-body', `the upload could not be read: ${message}`, {
    errors: [{ path: 'body', message }],
  });
}

function notFound(id: string): Problem {
  const message = `there is no file ${id.slice(0, 60)} in this account`;
  return new Problem(404, 'file-not-found', message, { errors: [{ path: 'id', message }] });
}
