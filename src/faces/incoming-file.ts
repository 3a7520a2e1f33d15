import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import type { FileEntity } from '../files/file.entity.js';
import type { FilesService } from '../files/files.service.js';
import type { Quotas } from '../operations/accept/quotas.js';
import { MAX_UPLOAD_BYTES, rawContentType } from '../http/body-parsers.js';
import { Problem } from '../http/problem.js';

/** What an upload needs. */
interface Uploads {
  readonly files: FilesService;
  readonly quotas: Quotas;
}

/** Stores the file of an upload: the first file of a multipart form, or a raw body, which needs a name. */
export async function storeUpload(
  { files, quotas }: Uploads,
  accountId: string,
  request: FastifyRequest,
  name: string | undefined,
): Promise<FileEntity> {
  const { stream, ...about } = await incomingFile(request, name);
  const announced = Number(request.headers['content-length'] ?? 0);
  try {
    const file = await quotas.file(accountId, announced, MAX_UPLOAD_BYTES, (mostBytes) =>
      files.save(stream, { accountId, ...about, mostBytes }),
    );
    return (await files.find(accountId, file.id))!;
  } catch (error) {
    runOff(stream);
    throw stream.errored ? malformedForm(stream.errored) : error;
  }
}

/** Reads on, to nowhere: what lay unread in the connection would keep its next request from ever being seen. */
function runOff(stream: Readable): void {
  stream.on('error', () => undefined).resume();
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
  // Taken for an empty file, its bytes would be lost and the loss acknowledged.
  if (!(request.body instanceof Readable)) throw new Error('the body of this upload is no stream');
  return { stream: request.body, name, contentType: rawContentType(request) };
}

/** What arrived is no whole form: the caller's fault, or the caller has gone. */
function malformedForm({ message }: Error): Problem {
  return new Problem(400, 'malformed-body', `the upload could not be read: ${message}`, {
    errors: [{ path: 'body', message }],
  });
}
