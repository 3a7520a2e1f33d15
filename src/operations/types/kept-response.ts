import type { IncomingHttpHeaders } from 'node:http';
import { pipeline, type Readable, Transform } from 'node:stream';
import { classifyEgressError, explainEgressError, operatorsDetail } from '../../egress/egress.js';
import { headerText } from '../../egress/header-text.js';
import type { StoredFile } from '../../files/files.service.js';
import { type OperationContext, OperationError } from '../run/operation-context.js';
import { ownFault } from '../run/own-fault.js';

/** Methods that may be repeated (RFC 9110, 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
/** The largest text that is given back inline, bytes. */
const MAX_INLINE = 64 * 1024;
/** Seconds before try 2 and 3 of a request in the background. */
export const BACKOFF_S = [1, 4] as const;

/** Whether a repeated request does no more than one. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method.toUpperCase());
}

/** How often a request is made when the transport fails: a POST is not repeated behind the caller's back. */
export function triesOf(method: string): number {
  return isIdempotent(method) ? 3 : 1;
}

/** The end of a run whose request failed: any error of the transport, or of our own store, as an `OperationError`. */
export function transportFault(error: unknown): OperationError {
  const own = ownFault(error);
  if (own) return own;
  const code = classifyEgressError(error);
  // "unknown" is no fault of the transport that this code knows: it may be ours, and be gone at another try.
  const fault = new OperationError(
    code,
    explainEgressError(error),
    code !== 'blocked_destination' && code !== 'response_too_large',
  );
  // In the stack, which only keys with `admin` see.
  const detail = operatorsDetail(error);
  if (detail !== null) fault.cause = new Error(detail);
  return fault;
}

/** Streams a response into the file storage; `text` is there when it is small UTF-8. */
export async function keepResponse(
  response: { readonly headers: IncomingHttpHeaders; readonly body: Readable },
  name: string,
  context: Pick<OperationContext, 'saveFile'>,
): Promise<{ file: StoredFile; contentType: string; text: string | undefined }> {
  const contentType = response.headers['content-type'] || 'application/octet-stream';
  const { stream, text } = teeText(response.body, contentType);
  const file = await context.saveFile(stream, { name, contentType });
  return { file, contentType: headerText(contentType), text: text() };
}

/** What the file of a response is called: the last part of its URL's path. */
export function nameOf(url: string): string {
  return URL.parse(url, 'http://upstream')?.pathname.split('/').at(-1) || 'response';
}

/** Passes a stream on and remembers its text, as long as it is text and small. */
function teeText(
  source: Readable,
  contentType: string,
): { stream: Readable; text: () => string | undefined } {
  const chunks: Buffer[] = [];
  let size = 0;
  const wanted = /^(text\/|application\/([\w.+-]+\+)?(json|xml)\b)/i.test(contentType);
  const tee = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (wanted && size <= MAX_INLINE) chunks.push(chunk);
      done(null, chunk);
    },
  });
  // Ends both ways: a response that breaks off ends the file, a file that cannot be stored ends the response.
  pipeline(source, tee, () => undefined);
  return {
    stream: tee,
    text: () => (wanted && size <= MAX_INLINE ? decode(Buffer.concat(chunks)) : undefined),
  };
}

/** Only valid UTF-8 is given back inline: other bytes would be changed on the way, and are in the file. */
function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
