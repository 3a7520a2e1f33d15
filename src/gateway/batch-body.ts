import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { FieldError } from '../config/validation.js';
import { FileTooLargeError } from '../files/files.service.js';
import { MAX_UPLOAD_BYTES } from '../http/body-parsers.js';
import { checkText } from '../http/json-shape.js';
import { hasBody } from '../http/listener.js';
import { Problem } from '../http/problem.js';
import { isIdempotent, triesOf } from '../operations/types/kept-response.js';
import { type BatchItem, checkBatch, checkBatchText } from './batch-items.js';

const UTF_8 = new TextDecoder('utf-8', { fatal: true });
/** What may stand before JSON: blanks, and the mark that some editors put before UTF-8. */
const BLANKS = new Set(Buffer.from('\ufeff \t\r\n'));
/** How many of them are read; bytes. */
const MOST_BLANKS = 1024;
const OPEN_ARRAY = '['.charCodeAt(0);

/** Whether the body of a request begins as an array of JSON. It may still be read or piped whole, and this asked again. */
export function beginsArray(request: IncomingMessage): Promise<boolean> {
  if (!hasBody(request)) return Promise.resolve(false);
  return new Promise((resolve, reject) => {
    const read: Buffer[] = [];
    const look = (): void => {
      const chunk = request.read() as Buffer | null;
      if (chunk) read.push(chunk);
      const start = Buffer.concat(read);
      const first = start.find((byte) => !BLANKS.has(byte));
      if (first === undefined && start.length < MOST_BLANKS && !request.complete) return;
      request.off('readable', look).off('end', look).off('error', reject);
      // At once: the end of a body that was read to its end is told next, and nothing can be put back behind that.
      if (start.length > 0) request.unshift(start);
      resolve(first === OPEN_ARRAY);
    };
    request.on('readable', look).on('end', look).on('error', reject);
  });
}

/** The array that a batch's body is, found right, and how often it may be run: as often as each of its requests. */
export async function batchOf(request: IncomingMessage): Promise<{ stream: Readable; tries: number }> {
  const limited = Readable.from(capped(request));
  const bytes = await buffer(limited);
  const costly = checkBatchText(bytes);
  if (costly) throw invalidBatch([costly]);
  let items: BatchItem[];
  try {
    items = JSON.parse(UTF_8.decode(bytes)) as BatchItem[];
  } catch (error) {
    const message = `is not JSON: ${error instanceof Error ? error.message : ''}`;
    throw new Problem(400, 'malformed-body', `the body ${message}`, { errors: [{ path: 'body', message }] });
  }
  const errors = checkBatch(items);
  if (errors.length > 0) throw invalidBatch(errors);
  checkText(items);
  const repeatable = items.every(({ method }) => isIdempotent(method));
  return { stream: Readable.from([bytes]), tries: repeatable ? triesOf('GET') : 1 };
}

function invalidBatch(errors: readonly FieldError[]): Problem {
  const [{ path, message } = { path: 'body', message: '' }] = errors;
  return new Problem(422, 'invalid-batch', `${path} ${message}`, { errors: errors.slice(0, 20) });
}

async function* capped(request: IncomingMessage): AsyncGenerator<Buffer> {
  let size = 0;
  // Not destroyed by leaving it early: the refusal goes over the same connection.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_UPLOAD_BYTES) throw new FileTooLargeError(MAX_UPLOAD_BYTES);
    yield chunk;
  }
}
