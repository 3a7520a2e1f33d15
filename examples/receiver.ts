/**
 * Takes callbacks and prints one line for each: `npm run receiver`, then submit an operation whose callback URL is
 * http://127.0.0.1:9000/. With RINGBACK_SIGNING_SECRET=whsec_… (GET /v1/signing-secret) it accepts only what that
 * secret signed. Copy what you need: there is nothing in it but Node.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

const secret = process.env['RINGBACK_SIGNING_SECRET'] ?? '';
const TOLERANCE_S = 5 * 60;
/** Callbacks have at most 256 KiB unless an operation's `custom` is larger; nobody else may fill our memory. */
const MAX_BYTES = 2 * 1024 * 1024;

/**
 * Tells why a callback must not be believed; null when it may be. `body` is the bytes as they came: JSON that was
 * parsed and written again has another signature. https://www.standardwebhooks.com
 */
function faultOf(body: Buffer, headers: IncomingHttpHeaders, whsec: string): string | null {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const signatures = headers['webhook-signature'];
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string')
    return 'a webhook-id, webhook-timestamp or webhook-signature header is missing';
  // Old deliveries are refused, so that one that was recorded cannot be played again. Negated, so that NaN is too.
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= TOLERANCE_S))
    return 'the timestamp is more than 5 minutes away';
  const key = Buffer.from(whsec.replace(/^whsec_/, ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
  // Several signatures, separated by spaces, while a secret is being rotated: one that fits is enough.
  const fits = signatures.split(' ').some((signature) => {
    const [version, encoded = ''] = signature.split(',', 2);
    const given = Buffer.from(encoded, 'base64');
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
  });
  return fits ? null : 'no signature fits: check the secret, and that nothing changed the body';
}

/** The ids of the last deliveries. Keep them in your database, in the transaction that acts on the callback. */
const seen = new Set<string>();

function isRepeated(id: string): boolean {
  if (seen.has(id)) return true;
  seen.add(id);
  const [oldest] = seen;
  if (seen.size > 10_000 && oldest !== undefined) seen.delete(oldest);
  return false;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

interface Told {
  type?: string;
  data?: { id?: string; type?: string; status?: string; status_text?: string; status_info?: string | null };
  trm?: { requestid?: number; status?: string; statusText?: string };
}

/** What the bgrs face tells: an array of one. */
type ToldRequests = { rid?: string; status_name?: string; status?: string | number | null }[];

/** One line about an event, in the words of the face that tells it. */
function lineOf(body: Buffer, headers: IncomingHttpHeaders): string {
  const message = headers['upstash-message-id'];
  // Its body is whatever somebody published.
  if (typeof message === 'string') return `message ${message}: ${body.toString().slice(0, 200)}`;
  let told: Told | ToldRequests | null;
  try {
    told = JSON.parse(body.toString()) as Told | ToldRequests | null;
  } catch {
    return `${body.length} bytes that are no JSON`;
  }
  if (Array.isArray(told)) {
    const { rid, status_name, status = null } = told[0] ?? {};
    return `request ${rid} ${status_name}${status === null ? '' : `, HTTP ${status}`}`;
  }
  const { type, data, trm } = told ?? {};
  if (trm) return `request ${trm.requestid} ${trm.status}: ${trm.statusText}`;
  if (!data) return `${type ?? 'an event of an unknown kind'}, ${body.length} bytes`;
  return `${type} ${data.id} (${data.type}): ${data.status_info ?? data.status_text}`;
}

/** Answers the status for a callback, having printed what it says. */
function take(body: Buffer, headers: IncomingHttpHeaders): number {
  const fault = secret === '' ? null : faultOf(body, headers, secret);
  if (fault !== null) {
    print(`REFUSED: ${fault}`);
    return 401;
  }
  const id = headers['webhook-id'] ?? headers['upstash-message-id'];
  const repeated = typeof id === 'string' && isRepeated(id);
  const retried = headers['upstash-retried'];
  const attempt = headers['ringback-attempt'] ?? (retried === undefined ? '?' : Number(retried) + 1);
  // A repeated one is answered like the first: an error would only make it come once more.
  print(
    `${repeated ? 'AGAIN ' : ''}${lineOf(body, headers)} [attempt ${String(attempt)}, ${secret === '' ? 'not verified' : 'verified'}]`,
  );
  return 204;
}

function print(line: string): void {
  // What came from outside must not be able to write lines, or colours, of its own.
  console.log(`${new Date().toISOString()} ${line.replace(/\p{Cc}/gu, ' ').slice(0, 500)}`);
}

const server = createServer((request, response) => {
  bodyOf(request).then(
    (body) => {
      if (body === null) response.writeHead(413, { connection: 'close' }).end();
      // The answer comes before any work that takes time: do that afterwards, from your own queue.
      else response.writeHead(request.method === 'POST' ? take(body, request.headers) : 405).end();
    },
    () => undefined, // The sender hung up; it will come again.
  );
});

server.listen(Number(process.env['PORT'] ?? 9000), process.env['HOST'] ?? '127.0.0.1', () => {
  const { address, port } = server.address() as AddressInfo;
  const checks = secret === '' ? 'set RINGBACK_SIGNING_SECRET to verify signatures' : 'verifying signatures';
  console.log(`Waiting for callbacks on http://${address}:${port}/ (${checks})`);
});
