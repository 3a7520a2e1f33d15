import { createHmac, timingSafeEqual } from 'node:crypto';
import { fingerprintOf } from '../signing/signature.js';

/** What a signature is made of, and what may be wrong of it. */
export type Part = 'headers' | 'time' | 'id' | 'body' | 'secret' | 'encoding';

/** One part, whether it is right, and what is known of it. `isRight` is null where that can't be told. */
export interface Finding {
  readonly part: Part;
  readonly isRight: boolean | null;
  readonly text: string;
}

/** What arrived, and what it is held against. */
export interface Arrived {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly secrets: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly toleranceS: number;
}

/** The delivery as the service has it, by the id of the headers; null where it has none of that id. */
export interface Known {
  readonly body: string;
  /** Of what signs it now. */
  readonly fingerprints: readonly string[];
}

/** The verdict, and every part of it. */
export interface Diagnosis {
  readonly isValid: boolean;
  readonly findings: readonly Finding[];
}

/** Seconds around the time that is given in which the one that was signed is looked for. */
const NEAR_S = 3_600;
/** A larger body would be hashed for too long, as often as that is. */
const MOST_SEARCHED = 64 * 1024;

/**
 * Says which part of a Standard Webhooks signature is wrong. What was signed isn't in the signature: so parts are replaced one by
 * one by what commonly goes wrong with them, and, where the service is known, by what it has.
 */
export function diagnose(arrived: Arrived, known?: Known | null): Diagnosis {
  const { headers } = arrived;
  const missing = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].filter((name) => !headers[name]);
  if (missing.length > 0) {
    const text = `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing: pass all three on, as they came`;
    return { isValid: false, findings: [{ part: 'headers', isRight: false, text }] };
  }
  const secret = secretFinding(arrived, known);
  const time = timeFinding(arrived);
  if (usable(arrived).length === 0) return { isValid: false, findings: [secret, time] };
  const matches = usable(arrived).some((one) => isSignedBy(arrived, keyOf(one)));
  if (matches) return { isValid: time.isRight === true, findings: [...RIGHT, time] };
  const found = deviation(arrived);
  const findings = found ? [found] : againstKnown(arrived, secret, known);
  const also = found?.part === 'time' ? [] : [time];
  return { isValid: false, findings: [...findings, ...also] };
}

const RIGHT: readonly Finding[] = [
  { part: 'secret', isRight: true, text: 'it is one that signed this' },
  { part: 'id', isRight: true, text: 'it is the one that was signed' },
  { part: 'body', isRight: true, text: 'it is what was signed, byte for byte' },
  { part: 'encoding', isRight: true, text: 'the signature is as it must be' },
];

function timeFinding({ headers, now, toleranceS }: Arrived): Finding {
  const text = headers['webhook-timestamp']!;
  const part = 'time';
  if (/^\d{13}$/.test(text))
    return {
      part,
      isRight: false,
      text: `webhook-timestamp is ${text}: that is milliseconds, and must be seconds`,
    };
  if (!/^\d{1,12}$/.test(text))
    return {
      part,
      isRight: false,
      text: `webhook-timestamp is ${JSON.stringify(text)}: it must be whole seconds since 1970`,
    };
  const ageS = Math.floor(now / 1000) - Number(text);
  if (ageS > toleranceS)
    return {
      part,
      isRight: false,
      text: `it was signed ${ageS} s ago, and ${toleranceS} s are allowed: a replay, or this clock is ahead`,
    };
  if (-ageS > toleranceS)
    return {
      part,
      isRight: false,
      text: `it was signed ${-ageS} s ahead, and ${toleranceS} s are allowed: this clock is behind`,
    };
  return { part, isRight: true, text: `it was signed ${Math.abs(ageS)} s ${ageS < 0 ? 'ahead' : 'ago'}` };
}

function secretFinding({ secrets }: Arrived, known: Known | null | undefined): Finding {
  const part = 'secret';
  const wrong = secrets.map(faultOf).find((fault) => fault !== null);
  if (wrong !== undefined && wrong !== null) return { part, isRight: false, text: wrong };
  if (!known || known.fingerprints.length === 0) return { part, isRight: null, text: 'it is well formed' };
  if (secrets.some((secret) => known.fingerprints.includes(fingerprintOf(secret))))
    return { part, isRight: true, text: 'it is one that signs this delivery now' };
  return {
    part,
    isRight: false,
    text: `it is none that signs this delivery now: its fingerprint is ${secrets.map(fingerprintOf).join(', ')}, theirs ${known.fingerprints.join(', ')}`,
  };
}

/** Why a text is no secret; null where it is one. The text itself is never shown: it ends up in logs. */
function faultOf(secret: string): string | null {
  if (secret !== secret.trim())
    return 'it has space around it, as from a file that ends in a new line: trim it';
  if (/^["'].*["']$/.test(secret)) return 'it has quotes around it: take them away';
  if (secret.startsWith('whsk_')) return 'it is a private key: verify with the whsec_… secret';
  if (secret.startsWith('whpk_'))
    return 'it is a public key, which "ringback/verify" takes: give the whsec_… secret here';
  if (!secret.startsWith('whsec_')) return 'it must begin with whsec_';
  const text = secret.slice('whsec_'.length);
  if (/[-_]/.test(text)) return 'it is base64url: base64 has + and / for - and _';
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return 'what follows whsec_ must be base64';
  if (Buffer.from(text, 'base64').length < 16) return 'it is cut off: it has less than 16 bytes';
  return null;
}

function usable({ secrets }: Arrived): string[] {
  return secrets.map((secret) => secret.trim()).filter((secret) => faultOf(secret) === null);
}

function keyOf(secret: string): Buffer {
  return Buffer.from(secret.slice('whsec_'.length), 'base64');
}

interface Signed {
  readonly id: string;
  readonly time: string;
  readonly body: Buffer;
}

function signedOf({ headers, body }: Arrived): Signed {
  return { id: headers['webhook-id']!, time: headers['webhook-timestamp']!, body };
}

function macOf(key: Buffer, { id, time, body }: Signed): Buffer {
  return createHmac('sha256', key).update(`${id}.${time}.`).update(body).digest();
}

/** The `v1` signatures of the header, decoded. */
function given({ headers }: Arrived): Buffer[] {
  return (
    headers['webhook-signature']!.split(' ')
      // As strictly as receivers decode it: 32 bytes, padded.
      .filter((one) => /^v1,[A-Za-z0-9+/]{43}=$/.test(one))
      .map((one) => Buffer.from(one.slice(3), 'base64'))
  );
}

function isSignedBy(arrived: Arrived, key: Buffer, signed: Signed = signedOf(arrived)): boolean {
  const mac = macOf(key, signed);
  return given(arrived).some((one) => one.length === mac.length && timingSafeEqual(one, mac));
}

/** What commonly goes wrong, tried one by one: the part that alone makes the signature right is the wrong one. */
function deviation(arrived: Arrived): Finding | null {
  return encodingOf(arrived) ?? bodyOf(arrived) ?? idOf(arrived) ?? timeOf(arrived) ?? keyOfText(arrived);
}

function encodingOf(arrived: Arrived): Finding | null {
  const part = 'encoding';
  const text = arrived.headers['webhook-signature']!.trim();
  for (const secret of usable(arrived)) {
    const mac = macOf(keyOf(secret), signedOf(arrived));
    const base64 = mac.toString('base64');
    const shapes: [string, string][] = [
      [mac.toString('hex'), 'it is in hex: it must be base64'],
      [base64, 'it must stand as "v1," and the base64, apart from others by a space'],
      [encodeURIComponent(base64), 'it is percent-encoded: decode it'],
      [base64.replace(/=+$/, ''), 'its padding is missing: base64 of it ends in ='],
      [mac.toString('base64url'), 'it is base64url: base64 has + and /, and = at its end'],
    ];
    const lower = text.toLowerCase();
    for (const [shape, why] of shapes)
      if (text.includes(shape) || lower.includes(shape))
        return { part, isRight: false, text: `the signature is right, but ${why}` };
  }
  if (given(arrived).length > 0) return null;
  return { part, isRight: false, text: 'webhook-signature has no "v1,<base64>": pass it on as it came' };
}

function bodyOf(arrived: Arrived): Finding | null {
  const signed = signedOf(arrived);
  for (const [body, why] of bodies(arrived.body))
    for (const secret of usable(arrived))
      if (isSignedBy(arrived, keyOf(secret), { ...signed, body }))
        return { part: 'body', isRight: false, text: `${why}: verify the bytes as they came` };
  return null;
}

/** What a body often was before something changed it. */
function* bodies(body: Buffer): Generator<[Buffer, string]> {
  const text = body.toString('utf8');
  yield [Buffer.from(text.replace(/^\ufeff/, '')), 'a byte order mark was put before it'];
  yield [Buffer.from(text.replace(/\r?\n$/, '')), 'a line end was added at its end'];
  yield [Buffer.from(`${text}\n`), 'the line end at its end was taken away'];
  yield [Buffer.from(text.trim()), 'space was added around it'];
  yield [Buffer.from(text.replaceAll('\r\n', '\n')), 'its line ends were made CRLF'];
  yield [Buffer.from(text.replaceAll(/\r?\n/g, '\r\n')), 'its line ends were made LF'];
  yield [Buffer.from(text, 'latin1'), 'it was read as Latin-1 and written as UTF-8'];
  try {
    const value: unknown = JSON.parse(text);
    const written = 'it was parsed and written again';
    yield [Buffer.from(JSON.stringify(value)), written];
    yield [Buffer.from(JSON.stringify(value, null, 2)), written];
    yield [Buffer.from(JSON.stringify(value).replaceAll(/[\u0080-\uffff]/g, escaped)), written];
    if (typeof value === 'string') yield [Buffer.from(value), 'it was made a JSON string'];
  } catch {
    // No JSON: then nothing wrote it again.
  }
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function idOf(arrived: Arrived): Finding | null {
  const signed = signedOf(arrived);
  const others = [
    signed.id.trim(),
    signed.id.toLowerCase(),
    signed.id.replace(/^(?:dlv|msg|evt)_/, ''),
    `dlv_${signed.id}`,
    `msg_${signed.id}`,
    arrived.headers['ringback-operation'] ?? '',
    '',
  ];
  for (const id of others)
    for (const secret of usable(arrived))
      if (isSignedBy(arrived, keyOf(secret), { ...signed, id }))
        return {
          part: 'id',
          isRight: false,
          text: `${JSON.stringify(id)} was signed, and webhook-id is ${JSON.stringify(signed.id)}: pass it on as it came`,
        };
  return null;
}

function timeOf(arrived: Arrived): Finding | null {
  const signed = signedOf(arrived);
  const asked = Number(signed.time.replace(/^(\d{10})\d{3}$/, '$1'));
  if (!Number.isSafeInteger(asked) || arrived.body.length > MOST_SEARCHED) return null;
  const keys = usable(arrived).map(keyOf);
  for (let by = 0; by <= NEAR_S; by++)
    for (const time of [String(asked + by), String(asked - by)])
      for (const key of keys)
        if (isSignedBy(arrived, key, { ...signed, time }))
          return {
            part: 'time',
            isRight: false,
            text: `${time} was signed, and webhook-timestamp is ${signed.time}: pass it on as it came`,
          };
  return null;
}

function keyOfText(arrived: Arrived): Finding | null {
  for (const secret of usable(arrived))
    for (const text of [secret, secret.slice('whsec_'.length)])
      if (isSignedBy(arrived, Buffer.from(text)))
        return {
          part: 'secret',
          isRight: false,
          text: 'it was signed with the text of the secret: the key is the base64 of it, decoded',
        };
  return null;
}

/** No common mistake: what the service has tells which part is another's. */
function againstKnown(arrived: Arrived, secret: Finding, known: Known | null | undefined): Finding[] {
  const id = arrived.headers['webhook-id']!;
  if (known === null)
    return [
      {
        part: 'id',
        isRight: false,
        text: `the service has no delivery ${id}: pass webhook-id on as it came`,
      },
      secret,
    ];
  if (known === undefined) {
    const text = 'the signature is that of another';
    const more = 'with --url and --key, the service tells which';
    return [
      secret.isRight === false
        ? secret
        : { part: 'secret', isRight: null, text: `${text} secret, id or body: ${more}` },
      { part: 'id', isRight: null, text: `it is ${id}` },
      { part: 'body', isRight: null, text: `it has ${arrived.body.length} bytes` },
    ];
  }
  const body = bodyFinding(arrived.body, known.body);
  const isAll = body.isRight !== false && secret.isRight !== false;
  const other: Finding = {
    part: 'encoding',
    isRight: false,
    text: 'id, body and secret are right, the signature is not: webhook-timestamp or webhook-signature was changed, or an older secret signed it',
  };
  return [
    secret,
    { part: 'id', isRight: true, text: 'the service has a delivery of this id' },
    body,
    ...(isAll ? [other] : []),
  ];
}

function bodyFinding(body: Buffer, kept: string): Finding {
  const part = 'body';
  if (kept === '')
    return { part, isRight: null, text: 'the service has it no more: its operation has expired' };
  const sent = Buffer.from(kept);
  if (sent.equals(body)) return { part, isRight: true, text: 'it is what was sent, byte for byte' };
  let at = 0;
  while (at < sent.length && sent[at] === body[at]) at++;
  const around = (bytes: Buffer): string =>
    JSON.stringify(bytes.subarray(Math.max(0, at - 12), at + 12).toString());
  return {
    part,
    isRight: false,
    text: `from byte ${at} it is not what was sent: ${around(body)}, and ${around(sent)} was (${body.length} and ${sent.length} bytes)`,
  };
}
