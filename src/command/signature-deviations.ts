import {
  type Arrived,
  type Finding,
  given,
  isSignedBy,
  keyOf,
  macOf,
  signedOf,
  usable,
} from './arrived-signature.js';

/** Seconds around the time that is given in which the one that was signed is looked for. */
const NEAR_S = 3_600;
/** A larger body would be hashed for too long, as often as that is. */
const MOST_SEARCHED = 64 * 1024;

/** What commonly goes wrong, tried one by one: the part that alone makes the signature right is the wrong one. */
export function deviation(arrived: Arrived): Finding | null {
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
