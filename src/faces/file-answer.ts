import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FileEntity } from '../files/file.entity.js';
import type { ByteRange } from '../files/file-storage.js';
import type { FilesService } from '../files/files.service.js';
import { Problem } from '../http/problem.js';

/**
 * Sends a stored file with its own content type; honours one `Range` (RFC 9110, 14), of which at most `mostRangeBytes` are
 * sent.
 */
export async function sendFile(
  file: FileEntity,
  files: FilesService,
  request: FastifyRequest,
  reply: FastifyReply,
  disposition: 'attachment' | 'inline',
  {
    mostRangeBytes = Infinity,
    status = 200,
    headers = {},
  }: {
    /** Of one range, bytes; the rest of it is left out. */
    mostRangeBytes?: number | undefined;
    /** Of the whole file; only a 200 can be had in parts. */
    status?: number;
    headers?: Readonly<Record<string, string>>;
  } = {},
): Promise<void> {
  const size = Number(file.size);
  const etag = `"${file.sha256}"`;
  const { 'if-range': known = etag } = request.headers;
  const whole = status !== 200 || known !== etag;
  const asked = whole ? null : rangeOf(request.headers.range, size);
  const range =
    asked && asked !== 'unsatisfiable'
      ? { start: asked.start, end: Math.min(asked.end, asked.start + mostRangeBytes - 1) }
      : asked;
  if (range === 'unsatisfiable') {
    throw new Problem(416, 'range-not-satisfiable', `the file has ${size} bytes`, {
      headers: { 'content-range': `bytes */${size}` },
    });
  }
  // First: what cannot be read must not be announced. A stream, since Fastify would set the length of anything else.
  const unread = size === 0 || request.method === 'HEAD';
  const bytes = unread ? Readable.from([]) : await files.open(file, range ?? undefined);
  void reply.headers({
    'content-type': file.contentType,
    'content-disposition': contentDisposition(disposition, file.name),
    'accept-ranges': 'bytes',
    etag,
    ...headers,
    // A stored file is a caller's data: no browser may run it as a page of ours.
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    ...(range ? { 'content-range': `bytes ${range.start}-${range.end}/${size}` } : {}),
    // Last: Node changes the bytes of a content-disposition that follows it.
    'content-length': range ? range.end - range.start + 1 : size,
  });
  // Not by `reply.status`: Fastify takes none above 599, but an upstream may.
  reply.raw.statusCode = range ? 206 : status;
  await reply.send(bytes);
}

/** One byte range; null when there is none or it is of a kind that may be ignored (several ranges, other units). */
export function rangeOf(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return null;
  const [first, last] = [match[1]!, match[2]!];
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
  }
  if (last !== '' && Number(last) < Number(first)) return null;
  if (Number(first) >= size) return 'unsatisfiable';
  return { start: Number(first), end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
}

/** RFC 6266 with an ASCII fallback and the real name in UTF-8. */
function contentDisposition(kind: string, name: string): string {
  const ascii = name.replace(/[^\x20-\x7e]/g, '_').replace(/["\\]/g, '_');
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${kind}; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
