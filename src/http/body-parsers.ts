import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { BATCH, checkJsonShape } from './json-shape.js';
import { Problem, sendProblem } from './problem.js';
import { type BodyKind, bodyKindOf } from './takes-body.js';

/** The largest upload, bytes. */
export const MAX_UPLOAD_BYTES = 64 * 1024 * 1024;
/** The largest JSON body, bytes. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** The largest body of a request whose credential is in it, or in its URL, bytes; a text of 4,000 characters fits in. */
const MAX_UNKNOWN_BYTES: Partial<Record<BodyKind, number>> = { login: 16 * 1024, report: 32 * 1024 };

/** How long a body other than an upload may take to arrive. */
const BODY_MS = 30_000;

/** Stands for whatever a raw upload's content type is, so that no parser touches its bytes. No caller can name it. */
const RAW_UPLOAD = `application/x-ringback-${randomUUID()}`;
/** The same for bytes that are read whole. */
const RAW_BYTES = `application/x-ringback-${randomUUID()}`;
const RAW = new Set<string | undefined>([RAW_UPLOAD, RAW_BYTES]);
const FORM = 'application/x-www-form-urlencoded';
const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]*)/i;
const UTF_8 = new TextDecoder('utf-8', { fatal: true });
const MULTIPART = /^multipart\/form-data/i;

const rawTypes = new WeakMap<object, string>();

/** JSON everywhere, streams where files are uploaded, 415 for the rest. */
export async function registerBodyParsers(app: FastifyInstance): Promise<void> {
  await app.register(multipart, {
    limits: { files: 1, fields: 20, fileSize: MAX_UPLOAD_BYTES + 1 },
    throwFileSizeLimit: false,
  });
  app.addHook('onRoute', (route) => {
    const most = MAX_UNKNOWN_BYTES[(route.config as { takes?: BodyKind } | undefined)?.takes ?? 'upload'];
    if (most !== undefined) route.bodyLimit = most;
  });
  app.addHook('onRequest', (request, _reply, done) => {
    // Where nothing comes, it is of no type, whatever a client says by habit.
    if (request.headers['content-length'] === '0') delete request.headers['content-type'];
    const given = request.headers['content-type'] ?? 'application/octet-stream';
    const kind = bodyKindOf(request);
    if (MULTIPART.test(given) && kind !== 'raw')
      return done(kind === 'upload' ? undefined : notUnderstood(given));
    if (kind === 'upload' || kind === 'raw') {
      rawTypes.set(request.raw, given);
      request.headers['content-type'] = kind === 'raw' ? RAW_BYTES : RAW_UPLOAD;
    }
    done();
  });
  // Names that it would refuse as no JSON are refused by their path below.
  const parseJson = app.getDefaultJsonParser('ignore', 'ignore');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    // Many clients name the type also where they send nothing.
    if (body.length === 0) return done(null, undefined);
    const text = utf8Text(request.headers, body as Buffer);
    if (text instanceof Problem) return done(text);
    void parseJson(request, text, done);
  });
  app.addContentTypeParser(FORM, { parseAs: 'string' }, (request, body, done) => {
    if (bodyKindOf(request) === 'form') done(null, Object.fromEntries(new URLSearchParams(String(body))));
    else done(notUnderstood(FORM));
  });
  // Fastify's own: a body of plain text is wanted nowhere.
  app.removeContentTypeParser('text/plain');
  app.addContentTypeParser(RAW_UPLOAD, (_request, payload, done) => done(null, payload));
  app.addContentTypeParser(RAW_BYTES, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHook('preParsing', (request, reply, payload, done) => {
    const comes =
      Number(request.headers['content-length'] ?? 0) > 0 || 'transfer-encoding' in request.headers;
    // Most have arrived as a whole by the end of this turn.
    if (comes && bodyKindOf(request) !== 'upload')
      queueMicrotask(() => request.raw.complete || limitTime(reply, payload));
    done(null, payload);
  });
  app.addHook('preValidation', (request, _reply, done) => {
    if (typeof request.body === 'object' && !RAW.has(request.headers['content-type']))
      checkJsonShape(request.body, bodyKindOf(request) === 'batch' ? BATCH : undefined);
    done();
  });
}

/** Answers in place of a body that takes too long to arrive. */
function limitTime(reply: FastifyReply, payload: NodeJS.ReadableStream): void {
  const timer = setTimeout(() => {
    sendProblem(
      reply,
      new Problem(408, 'request-timeout', `the body did not arrive within ${BODY_MS / 1000} s`),
    );
  }, BODY_MS);
  payload.once('close', () => clearTimeout(timer)).once('end', () => clearTimeout(timer));
}

function notUnderstood(contentType: string): Problem {
  return new Problem(
    415,
    'unsupported-media-type',
    'this content type is not understood here; send application/json',
    {
      errors: [{ path: 'Content-Type', message: `${contentType.slice(0, 100)} is not understood here` }],
    },
  );
}

/** JSON is UTF-8 (RFC 8259, 8.1): read otherwise, it would be stored with other characters than its sender meant. */
function utf8Text(headers: IncomingHttpHeaders, body: Buffer): string | Problem {
  const charset = CHARSET.exec(headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset))
    return notTaken('Content-Type', `charset ${charset.slice(0, 100)} is not understood here; send UTF-8`);
  const codings = (headers['content-encoding'] ?? '').split(',').map((coding) => coding.trim().toLowerCase());
  const coding = codings.find((name) => name !== '' && name !== 'identity');
  if (coding !== undefined)
    return notTaken(
      'Content-Encoding',
      `${coding.slice(0, 100)} is not understood here; send the body as it is`,
    );
  try {
    return UTF_8.decode(body);
  } catch {
    const message = 'is not valid UTF-8';
    return new Problem(400, 'malformed-body', `the body ${message}`, { errors: [{ path: 'body', message }] });
  }
}

/** `Accept-Encoding` says what is taken instead (RFC 9110, 15.5.16). */
function notTaken(path: string, message: string): Problem {
  return new Problem(415, 'unsupported-media-type', `${path}: ${message}`, {
    errors: [{ path, message }],
    headers: { 'accept-encoding': 'identity' },
  });
}

/** The bytes of a `raw` body; none where nothing came. */
export function rawBytes(request: FastifyRequest): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
}

/** The text of a `raw` body, or a `Problem` where it is none. */
export function rawText(request: FastifyRequest): string {
  const headers = { ...request.headers, 'content-type': rawContentType(request) };
  const text = utf8Text(headers, rawBytes(request));
  if (text instanceof Problem) throw text;
  return text;
}

/** The content type that a raw body came with. */
export function rawContentType(request: FastifyRequest): string {
  return rawTypes.get(request.raw) ?? 'application/octet-stream';
}
