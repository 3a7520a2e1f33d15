import { z } from 'zod';
import { RingbackError } from '../client/index.js';
import type { DeliveryDetails } from '../client/delivery-details.js';
import type { Delivery, Operation } from '../client/types.js';
import { explain as inWords } from './explanation.js';
import type { Endpoint, Service } from './service.js';
import { operationLine } from './shown.js';
import { READS, tool } from './tools.js';
import { originOf, shortened } from './words.js';

/** Deliveries of an operation that are explained, and others of a receiver that are looked at. */
const EXPLAINED = 3;
const RECENT = 20;

/** Why a callback failed. */
export const explain = tool({
  name: 'explain',
  title: 'Explain a callback',
  description:
    'Says why a callback failed or has not come: its attempts, the kind of failure, how its receiver fares otherwise, when the next attempt is due, and what mends it. Takes a delivery, or an operation for all its callbacks.',
  input: { id: z.string().min(1).describe('id of a delivery (dlv_…) or of an operation') },
  annotations: READS,
  run: async ({ id }, service) =>
    id.startsWith('dlv_') ? explainDelivery(id, service) : explainOperation(id, service),
});

async function explainOperation(id: string, service: Service): Promise<string[]> {
  const path = `/v1/operations/${encodeURIComponent(id)}`;
  const operation = await service.read<Operation>(path);
  const owed = await service.page<Delivery>(`${path}/deliveries`, { limit: 50 });
  const lines = [operationLine(operation)];
  if (operation.error !== null)
    lines.push(`It failed by ${operation.error.code}: ${shortened(operation.error.message)}`);
  if (owed.length === 0)
    return [...lines, whyNone(operation), `Console: ${service.console(`operations/${id}`)}`];
  // What arrived needs the fewest words.
  const telling = [...owed].sort(
    (one, other) => Number(one.status === 'Delivered') - Number(other.status === 'Delivered'),
  );
  for (const delivery of telling.slice(0, EXPLAINED))
    lines.push('', ...(await explainDelivery(delivery.id, service)));
  if (owed.length > EXPLAINED) lines.push('', `${owed.length - EXPLAINED} more: "deliveries" lists them.`);
  return lines;
}

function whyNone({ status, callback, links }: Operation): string {
  if (!['Finished', 'Failed', 'Canceled'].includes(status))
    return `No callback is owed yet: the operation is ${status}, and its end is told.`;
  return callback === null
    ? `No callback is owed: it was submitted without one, and no endpoint takes the event (${links.self}).`
    : 'Its end was told by the answer to its submit: no callback is owed.';
}

async function explainDelivery(id: string, service: Service): Promise<string[]> {
  const delivery = await service.read<DeliveryDetails>(`/v1/deliveries/${encodeURIComponent(id)}`);
  const [endpoint, recent] = await Promise.all([endpointOf(delivery, service), recentOf(delivery, service)]);
  return [
    ...inWords(delivery, { endpoint, recent }, Date.now()),
    `Console: ${service.console(`deliveries/${delivery.id}`)}`,
  ];
}

async function endpointOf({ endpoint_id: id }: Delivery, service: Service): Promise<Endpoint | null> {
  if (id === null) return null;
  try {
    return await service.read<Endpoint>(`/v1/endpoints/${encodeURIComponent(id)}`);
  } catch (error) {
    // Deleted meanwhile, or not for this key.
    if (error instanceof RingbackError && (error.status === 404 || error.status === 403)) return null;
    throw error;
  }
}

function recentOf({ endpoint_id: endpoint, url }: Delivery, service: Service): Promise<Delivery[]> {
  const origin = originOf(url);
  const receiver = endpoint !== null ? { endpoint } : origin !== null ? { origin } : null;
  return receiver === null
    ? Promise.resolve([])
    : service.page<Delivery>('/v1/deliveries', { ...receiver, limit: RECENT, order: 'desc' });
}
