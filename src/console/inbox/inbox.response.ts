import type { Received } from './inbox.js';

/** A callback in a list. */
export interface ReceivedSummary {
  number: number;
  /** RFC 3339. */
  received_at: string;
  /** `operation.finished`; null where the body is of no face that tells one. */
  event: string | null;
  delivery_id: string | null;
  operation_id: string | null;
  attempt: number | null;
  verified: boolean;
  /** The status that it was answered with. */
  answered: number;
  size: number;
}

/** A callback with all that came, and what was compared. */
export interface ReceivedCallback extends ReceivedSummary {
  path: string;
  headers: readonly (readonly [string, string])[];
  /** As text; null where it is none in UTF-8, and `body_base64` has it. */
  body: string | null;
  body_base64: string | null;
  signature: {
    verified: boolean;
    reason: string | null;
    secret_of: string | null;
    signed_before: string | null;
    given: readonly { text: string; matches: boolean | null }[];
    /** Null where the key may not read secrets. */
    expected: readonly string[] | null;
  };
}

/** A callback as lists show it. */
export function summaryOf(one: Received): ReceivedSummary {
  const header = (name: string): string | null =>
    one.headers.find(([given]) => given.toLowerCase() === name)?.[1] ?? null;
  const attempt = Number(header('ringback-attempt') ?? Number.NaN);
  return {
    number: one.number,
    received_at: one.at.toISOString(),
    event: eventOf(one.body),
    delivery_id: header('webhook-id'),
    operation_id: header('ringback-operation'),
    attempt: Number.isInteger(attempt) ? attempt : null,
    verified: one.signature.verified,
    answered: one.answered,
    size: one.body.length,
  };
}

/**
 * A callback as it is shown alone. Anybody may send one with a body of their choice, and what is `expected` is a good signature of that:
 * it is for those who may read the secret, and the others see whether it is the same.
 */
export function callbackOf(one: Received, mayReadSecret: boolean): ReceivedCallback {
  const { secretOf, signedBefore, expected, ...signature } = one.signature;
  const body = textOf(one.body);
  return {
    ...summaryOf(one),
    path: one.path,
    headers: one.headers,
    body,
    body_base64: body === null ? one.body.toString('base64') : null,
    signature: {
      ...signature,
      secret_of: secretOf,
      signed_before: signedBefore,
      expected: mayReadSecret ? expected : null,
    },
  };
}

function eventOf(body: Buffer): string | null {
  try {
    const { type, trm } = JSON.parse(body.toString()) as { type?: unknown; trm?: { status?: unknown } };
    if (typeof type === 'string') return type.slice(0, 100);
    return typeof trm?.status === 'string' ? `trm ${trm.status.slice(0, 100)}` : null;
  } catch {
    return null;
  }
}

function textOf(body: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return null;
  }
}
