import { timingSafeEqual } from 'node:crypto';
import { isSigningSecret, signGithub, signStripe, verifyStandard } from './signature.js';

/** Whose way of signing a webhook that comes here: Replicate's is Standard Webhooks. */
export const WEBHOOK_PROFILES = ['standard', 'stripe', 'github', 'replicate'] as const;
export type WebhookProfile = (typeof WEBHOOK_PROFILES)[number];

/** How a webhook must be signed. */
export interface WebhookSigner {
  readonly profile: WebhookProfile;
  readonly secret: string;
}

/** A webhook as it came; names of headers are lower case. */
export interface ReceivedWebhook {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** What is wrong with a header, and what would be right. */
export interface WebhookFault {
  readonly header: string;
  readonly message: string;
}

/** Seconds that a signed time may be from now, as Standard Webhooks and Stripe advise. */
const TOLERANCE_S = 300;

/** Why nothing can be signed so; null where it can. */
export function signerFault({ profile, secret }: WebhookSigner): string | null {
  if (!WEBHOOK_PROFILES.includes(profile))
    return `${String(profile)} is no profile: use ${WEBHOOK_PROFILES.join(', ')}`;
  if (typeof secret !== 'string' || secret === '') return 'must be a text';
  if (profile === 'stripe' || profile === 'github') return null;
  return isSigningSecret(secret)
    ? null
    : 'must be whsec_ and base64 of at least 16 bytes, as its sender shows it';
}

/** Why a webhook isn't one that this signer has signed lately; null where it is. Signatures are compared in constant time. */
export function webhookFault(
  signer: WebhookSigner,
  webhook: ReceivedWebhook,
  nowS: number,
): WebhookFault | null {
  if (signer.profile === 'stripe') return stripeFault(signer.secret, webhook, nowS);
  if (signer.profile === 'github') return githubFault(signer.secret, webhook);
  return standardFault(signer.secret, webhook, nowS);
}

function standardFault(
  secret: string,
  { headers, body }: ReceivedWebhook,
  nowS: number,
): WebhookFault | null {
  const [id, timestamp, signature] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
    one(headers[name]),
  );
  if (!id) return missing('webhook-id');
  if (!signature) return missing('webhook-signature');
  const fault = timeFault('webhook-timestamp', timestamp, nowS);
  if (fault) return fault;
  const signed = { secrets: [secret], id, timestamp: Number(timestamp), body };
  return verifyStandard(signed, signature) ? null : noMatch('webhook-signature');
}

function stripeFault(secret: string, { headers, body }: ReceivedWebhook, nowS: number): WebhookFault | null {
  const name = 'stripe-signature';
  const given = one(headers[name]);
  if (!given) return missing(name);
  const parts = given.split(',').map((part) => part.trim().split('=', 2) as [string, string?]);
  const timestamp = parts.find(([key]) => key === 't')?.[1];
  const fault = timeFault(name, timestamp, nowS);
  if (fault) return fault;
  const wanted = signStripe([secret], Number(timestamp), body).split('v1=')[1]!;
  return parts.some(([key, mac = '']) => key === 'v1' && isSame(mac, wanted)) ? null : noMatch(name);
}

function githubFault(secret: string, { headers, body }: ReceivedWebhook): WebhookFault | null {
  const name = 'x-hub-signature-256';
  const given = one(headers[name]);
  if (!given) return missing(name);
  return isSame(given, signGithub(secret, body)) ? null : noMatch(name);
}

function timeFault(header: string, timestamp: string | undefined, nowS: number): WebhookFault | null {
  if (!timestamp) return missing(header);
  if (!/^[1-9]\d{0,11}$/.test(timestamp)) return { header, message: 'has no time in whole seconds' };
  if (Math.abs(nowS - Number(timestamp)) <= TOLERANCE_S) return null;
  return {
    header,
    message: `was signed more than ${TOLERANCE_S} s from now: check the clocks, and sign each attempt anew`,
  };
}

function missing(header: string): WebhookFault {
  return { header, message: 'is missing: only signed webhooks are taken here' };
}

function noMatch(header: string): WebhookFault {
  return { header, message: 'matches no signature by the secret: was the body changed on the way?' };
}

function isSame(given: string, wanted: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(wanted)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
