import { fingerprintOf } from '../signing/signature.js';
import { type Arrived, faultOf, type Finding, isSignedBy, keyOf, usable } from './arrived-signature.js';
import { deviation } from './signature-deviations.js';

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
