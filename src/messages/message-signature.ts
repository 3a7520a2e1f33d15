import { createHash, createHmac } from 'node:crypto';
import { randomId } from '../database/random-id.js';

const HEADER = encoded({ alg: 'HS256', typ: 'JWT' });
/** How long a signature is good for, seconds. */
const LIFE_S = 300;
/** A receiver's clock may be so far behind, seconds. */
const BEHIND_S = 5;

/** The `Upstash-Signature` of a request: a JWT (RFC 7519) by HS256 that names its URL and the digest of its body. */
export function messageSignature(key: string, url: string, body: Buffer | null, now: Date): string {
  const issuedAt = Math.floor(now.getTime() / 1000) - BEHIND_S;
  const claims = {
    iss: 'Upstash',
    sub: url,
    exp: issuedAt + LIFE_S,
    nbf: issuedAt,
    iat: issuedAt,
    jti: randomId('jwt_'),
    body: padded(
      createHash('sha256')
        .update(body ?? '')
        .digest('base64url'),
    ),
  };
  const signed = `${HEADER}.${encoded(claims)}`;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

/** As QStash writes it; its own receivers take it either way. */
function padded(base64url: string): string {
  return base64url.padEnd(Math.ceil(base64url.length / 4) * 4, '=');
}
