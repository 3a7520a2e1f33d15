import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { FieldError } from '../config/validation.js';
import { FileTooLargeError } from '../files/files.service.js';
import { MAX_UPLOAD_BYTES } from '../http/body-parsers.js';
import { checkText } from '../http/json-shape.js';
import { Problem } from '../http/problem.js';
import { isIdempotent, triesOf } from '../operations/types/kept-response.js';
import { type BatchItem, checkBatch, checkBatchText } from './batch-items.js';

const UTF_8 = new TextDecoder('utf-8', { fatal: true });

/** A batch's body, found right, and how often it may be run: as often as each of its requests. */
export async function batchOf(request: IncomingMessage): Promise<{ stream: Readable; tries: number }> {
  const limited = Readable.from(capped(request));
  const bytes = await buffer(limited);
  const costly = checkBatchText(bytes);
  if (costly) throw invalidBatch([costly]);
  let items: unknown;
  try {
    items = JSON.parse(UTF_8.decode(bytes));
  } catch (error) {
    const message = `is not JSON: ${error instanceof Error ? error.message : ''}`;
    throw new Problem(400, 'malformed-body', `the body ${message}`, { errors: [{ path: 'body', message }] });
  }
  const errors = checkBatch(items);
  if (errors.length > 0) throw invalidBatch(errors);
  checkText(items);
  const repeatable = (items as BatchItem[]).every(({ method }) => isIdempotent(method));
  return { stream: Readable.from([bytes]), tries: repeatable ? triesOf('GET') : 1 };
}

function invalidBatch(errors: readonly FieldError[]): Problem {
  const [{ path, message } = { path: 'body', message: '' }] = errors;
  return new Problem(422, 'invalid-batch', `${path} ${message}`, { errors: errors.slice(0, 20) });
}

async function* capped(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > MAX_UPLOAD_BYTES) throw new FileTooLargeError(MAX_UPLOAD_BYTES);
    yield chunk;
  }
}
