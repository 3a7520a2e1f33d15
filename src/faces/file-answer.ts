import { createHash } from 'node:crypto';
import { pipeline, Readable, type Transform } from 'node:stream';
import { encodeExtended } from 'content-disposition';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { parse as parseRange } from 'range-parser';
import type { FileEntity } from '../files/file.entity.js';
import type { ByteRange } from '../files/file-storage.js';
import type { FilesService } from '../files/files.service.js';
import { Problem } from '../http/problem.js';

type Disposition = 'attachment' | 'inline';

interface SendOptions {
  /** Of one range, bytes; the rest of it is left out. */
  readonly mostRangeBytes?: number | undefined;
  /** Of the whole file; only a 200 can be had in parts. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly coding?: Coding | undefined;
}

/** How the bytes of a file are coded. */
interface Coding {
  /** As `Content-Encoding` says it. */
  readonly name: string;
  /** Takes it off for a reader who doesn't take it: how many bytes that gives isn't known, and no part can be had. Null: it is taken. */
  readonly decoder: (() => Transform) | null;
}

/** What is sent as a file. */
interface Sent extends Pick<FileEntity, 'name' | 'contentType' | 'size' | 'sha256'> {
  readonly open: (range?: ByteRange) => Readable | Promise<Readable>;
}

/**
 * Sends a stored file with its own content type; honours one `Range` (RFC 9110, 14), of which at most `mostRangeBytes` are
 * sent.
 */
export function sendFile(
  file: FileEntity,
  files: FilesService,
  request: FastifyRequest,
  reply: FastifyReply,
  disposition: Disposition,
  options: SendOptions = {},
): Promise<void> {
  const { name, contentType, size, sha256 } = file;
  const open = (range?: ByteRange): Promise<Readable> => files.open(file, range);
  return send({ name, contentType, size, sha256, open }, request, reply, disposition, options);
}

/** Sends a text of JSON as a file of this name would be sent. */
export function sendJson(
  name: string,
  json: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const bytes = Buffer.from(json);
  const file: Sent = {
    name,
    contentType: 'application/json; charset=utf-8',
    size: String(bytes.length),
    sha256: createHash('sha256').update(bytes).digest('hex'),
    open: ({ start, end } = { start: 0, end: bytes.length - 1 }) =>
      Readable.from([bytes.subarray(start, end + 1)]),
  };
  return send(file, request, reply, 'attachment');
}

async function send(
  file: Sent,
  request: FastifyRequest,
  reply: FastifyReply,
  disposition: Disposition,
  { mostRangeBytes = Infinity, status = 200, headers = {}, coding }: SendOptions = {},
): Promise<void> {
  const size = Number(file.size);
  const etag = `"${file.sha256}"`;
  const { 'if-range': known = etag } = request.headers;
  const decoder = coding?.decoder ?? null;
  const whole = status !== 200 || known !== etag || decoder !== null;
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
  const clear = unread || decoder === null ? null : await inClear(await file.open(), decoder());
  const isClear = clear !== null || (unread && decoder !== null);
  const bytes = unread ? Readable.from([]) : (clear ?? (await file.open(range ?? undefined)));
  void reply.headers({
    'content-type': file.contentType,
    'content-disposition': contentDisposition(disposition, file.name),
    ...(isClear ? {} : { 'accept-ranges': 'bytes', etag }),
    ...headers,
    ...(coding ? { vary: 'accept-encoding', ...(isClear ? {} : { 'content-encoding': coding.name }) } : {}),
    // A stored file is a caller's data: no browser may run it as a page of ours.
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    ...(range ? { 'content-range': `bytes ${range.start}-${range.end}/${size}` } : {}),
    // Last: Node changes the bytes of a content-disposition that follows it.
    ...(isClear ? {} : { 'content-length': range ? range.end - range.start + 1 : size }),
  });
  // Not by `reply.status`: Fastify takes none above 599, but an upstream may.
  reply.raw.statusCode = range ? 206 : status;
  await reply.send(bytes);
}

/** The bytes without their coding, once the first of them are there; null where they aren't coded so. */
function inClear(bytes: Readable, decoder: Transform): Promise<Readable | null> {
  pipeline(bytes, decoder, () => undefined);
  return new Promise((resolve) => {
    decoder.once('error', () => resolve(null)).once('readable', () => resolve(decoder));
  });
}

/** Set in what range-parser answers where a range is malformed, so that the header is to be ignored (RFC 9110, 14.2). */
const MALFORMED = 1;

/** One byte range; null when there is none or it is of a kind that may be ignored (several ranges, other units). */
function rangeOf(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | null {
  if (header === undefined) return null;
  const { code, type, ranges } = parseRange(size, header);
  if (type !== 'bytes' || (code & MALFORMED) !== 0 || ranges.length > 1) return null;
  return ranges[0] ?? 'unsatisfiable';
}

/**
 * RFC 6266 with an ASCII fallback and the real name in UTF-8: both always and the former quoted, since there are clients that
 * know one of them only. content-disposition's own `create` leaves out what it finds needless.
 */
function contentDisposition(kind: string, name: string): string {
  const ascii = name.replace(/[^\x20-\x7e]|["\\]/g, '_');
  return `${kind}; filename="${ascii}"; filename*=${encodeExtended(name)}`;
}
