import type { SecretBox, SecretPlace } from '../signing/secret-box.js';
import { type Destination, openDestination } from '../signing/sealed-destination.js';
import { signatureHeaders } from '../signing/signature.js';
import type { SigningKeys } from '../signing/signing-secrets.store.js';
import type { DeliveryClaim } from './delivery.store.js';

/** What an attempt is sent with besides its delivery. */
export interface AttemptHead {
  /** What the caller gave with the operation, or with the endpoint. */
  readonly own: Destination['headers'];
  readonly keys: SigningKeys;
  readonly traceparent: string | null;
}

/** Every header of an attempt, names in lower case: the caller's own never replace one of Ringback's. */
export function attemptHeaders(
  { delivery, claimedAt, endpoint }: Pick<DeliveryClaim, 'delivery' | 'claimedAt' | 'endpoint'>,
  { own, keys, traceparent }: AttemptHead,
): Record<string, string> {
  return {
    ...(traceparent === null ? {} : { traceparent }),
    ...Object.fromEntries(own.map(({ key, value }) => [key.toLowerCase(), value])),
    'content-type': 'application/json',
    ...signatureHeaders(endpoint?.profile ?? 'standard', {
      ...keys,
      id: delivery.id,
      timestamp: Math.floor(claimedAt.getTime() / 1000),
      body: delivery.body,
    }),
    ...(delivery.operationRid === null ? {} : { 'ringback-operation': delivery.operationRid }),
    'ringback-attempt': String(delivery.attemptCount),
  };
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
