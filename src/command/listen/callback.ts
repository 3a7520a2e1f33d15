import type { PulledDelivery } from '../../client/index.js';
import { verify, WebhookVerificationError } from '../../verify.js';
import type { ListenEndpoint } from './listen-endpoint.js';

/** What a callback tells; null where its body doesn't. */
export interface Told {
  readonly event: string | null;
  readonly type: string | null;
  readonly operationId: string | null;
}

/** Why the callback isn't what the service signed; null where it is. */
export async function faultOf(
  { body, headers }: PulledDelivery,
  endpoint: Pick<ListenEndpoint, 'secret'>,
): Promise<string | null> {
  const check = async (again: boolean): Promise<WebhookVerificationError | null> => {
    try {
      await verify(body, headers, await endpoint.secret(again));
      return null;
    } catch (error) {
      if (error instanceof WebhookVerificationError) return error;
      throw error;
    }
  };
  let fault = await check(false);
  // Its secret may have been rotated.
  if (fault?.code === 'no_match') fault = await check(true);
  if (!fault) return null;
  const isClock = fault.code === 'too_old' || fault.code === 'too_new';
  return isClock ? `${fault.message}: set this machine's clock` : fault.message;
}

/** Reads what a callback tells. */
export function toldBy({ event: body, headers }: PulledDelivery): Told {
  const said = body as { type?: unknown; data?: { type?: unknown } | null } | null;
  const event = said?.type;
  const type = said?.data?.type;
  return {
    event: typeof event === 'string' ? event : null,
    type: typeof type === 'string' ? type : null,
    operationId: headers['ringback-operation'] ?? null,
  };
}
