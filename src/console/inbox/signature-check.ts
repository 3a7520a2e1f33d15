import { signStandard } from '../../signing/signature.js';

/** As receivers are told to allow, seconds. */
const TOLERANCE_S = 300;

/** Whether a callback is what this service signed, and what was compared for that. */
export interface SignatureCheck {
  readonly verified: boolean;
  /** Why not; null where it is. */
  readonly reason: string | null;
  /** Whose secret it is, an endpoint's or an account's; null where nothing could be compared. */
  readonly secretOf: string | null;
  /** What stands before the body in what is signed: `id.timestamp.`; null where a header is missing. */
  readonly signedBefore: string | null;
  /** The signatures that came, and whether one of ours is the same; null where it is of another kind. */
  readonly given: readonly { readonly text: string; readonly matches: boolean | null }[];
  /** What the secrets make of it, the newest first. */
  readonly expected: readonly string[];
}

/** What is to be checked. */
export interface Signed {
  readonly id: string | undefined;
  readonly timestamp: string | undefined;
  readonly signature: string | undefined;
  readonly body: Buffer;
}

/** The secrets of whom a delivery was signed for. */
export interface Owner {
  readonly id: string;
  readonly secrets: readonly string[];
}

/** Checks a callback by Standard Webhooks, as its receiver would; `owner` is null where its id is no delivery's. */
export function checkSignature(
  { id, timestamp, signature, body }: Signed,
  owner: Owner | null,
  nowS: number,
): SignatureCheck {
  const given = (signature ?? '').split(' ').filter((text) => text !== '');
  const unsure = (reason: string): SignatureCheck => ({
    verified: false,
    reason,
    secretOf: owner?.id ?? null,
    signedBefore: id === undefined || timestamp === undefined ? null : `${id}.${timestamp}.`,
    given: given.map((text) => ({ text, matches: null })),
    expected: [],
  });
  const missing = Object.entries({
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signature,
  }).find(([, value]) => value === undefined || value === '')?.[0];
  if (missing !== undefined) return unsure(`${missing} is missing`);
  if (!/^\d{1,12}$/.test(timestamp!)) return unsure('webhook-timestamp is no number of seconds');
  if (owner === null) return unsure('webhook-id is no delivery of this service');
  const expected = signStandard({
    secrets: owner.secrets,
    id: id!,
    timestamp: Number(timestamp),
    body,
  }).split(' ');
  const compared = given.map((text) => ({
    text,
    matches: text.startsWith('v1,') ? expected.includes(text) : null,
  }));
  const reason = faultOf(
    compared.some(({ matches }) => matches === true),
    Math.abs(nowS - Number(timestamp)),
  );
  return { ...unsure(''), verified: reason === null, reason, given: compared, expected };
}

function faultOf(matches: boolean, awayS: number): string | null {
  if (!matches) return 'no signature is the same: the body was changed, or another secret signed it';
  return awayS > TOLERANCE_S
    ? `webhook-timestamp is ${Math.round(awayS)} s away: more than ${TOLERANCE_S} s are refused`
    : null;
}
