import type { SecretBox, SecretPlace } from '../signing/secret-box.js';
import { type Destination, openDestination } from '../signing/sealed-destination.js';
import { type SignatureProfile, signatureHeaders } from '../signing/signature.js';
import type { SigningKeys } from '../signing/signing-secrets.store.js';
import type { DeliveryClaim, LeasedDelivery } from './delivery-claim.js';

/** What an attempt is sent with besides its delivery. */
export interface AttemptHead {
  /** What the caller gave with the operation, or with the endpoint. */
  readonly own: Destination['headers'];
  readonly keys: SigningKeys;
  readonly traceparent: string | null;
}

/** An attempt whose headers are made. */
export interface SignedAttempt {
  readonly delivery: LeasedDelivery;
  /** PostgreSQL's clock at the claim. */
  readonly claimedAt: Date;
  readonly profile: SignatureProfile;
}

/** Every header of an attempt, names in lower case: the caller's own never replace one of Ringback's. */
export function attemptHeaders(
  { delivery, claimedAt, profile }: SignedAttempt,
  { own, keys, traceparent }: AttemptHead,
): Record<string, string> {
  return {
    ...(traceparent === null ? {} : { traceparent }),
    ...Object.fromEntries(own.map(({ key, value }) => [key.toLowerCase(), value])),
    ...plainHeaders({ delivery, claimedAt }),
    ...signatureHeaders(profile, {
      ...keys,
      id: delivery.id,
      timestamp: timestampOf(claimedAt),
      body: delivery.body,
    }),
  };
}

/** What the log may show of an attempt's headers: those that are neither the caller's own nor a signature. */
export function plainHeaders({
  delivery,
  claimedAt,
}: Pick<SignedAttempt, 'delivery' | 'claimedAt'>): Record<string, string> {
  return {
    'content-type': 'application/json',
    'webhook-id': delivery.id,
    'webhook-timestamp': String(timestampOf(claimedAt)),
    ...(delivery.operationRid === null ? {} : { 'ringback-operation': delivery.operationRid }),
    'ringback-attempt': String(delivery.attemptCount),
  };
}

function timestampOf(claimedAt: Date): number {
  return Math.floor(claimedAt.getTime() / 1000);
}

/** Where an attempt goes, opened: what the caller gave with the operation, or with the endpoint. */
export function attemptDestination(
  box: SecretBox,
  { delivery, endpoint }: Pick<DeliveryClaim, 'delivery' | 'endpoint'>,
): Destination {
  const sealed = endpoint ? endpoint.headers : delivery.headers;
  const row = endpoint ? delivery.endpointId : delivery.operationRid;
  const column = endpoint ? 'endpoint_headers' : 'callback_headers';
  const place: SecretPlace = { account: delivery.accountId, row: row ?? '', column };
  return openDestination(box, { url: delivery.url, sealed: row === null ? null : sealed }, place);
}
