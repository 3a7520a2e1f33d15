// Drives openapi-fetch with the types that openapi-typescript makes. Prints what it saw, as JSON.
import { setTimeout as delay } from 'node:timers/promises';
import createClient from 'openapi-fetch';
import type { Delivery, HistoryEntry, Operation, SubmitRequest } from 'ringback/client';
import type { components, paths } from './client.js';

type Schemas = components['schemas'];
/** Compiles only where the package's own client says what the document says. */
function agree<One, Other extends One>(_?: One, __?: Other): void {}
agree<Operation, Schemas['OperationResponse']>();
agree<Schemas['OperationResponse'], Operation>();
agree<Delivery, Schemas['DeliveryResponse']>();
agree<Schemas['DeliveryResponse'], Delivery>();
agree<HistoryEntry, Schemas['HistoryEntryResponse']>();
agree<Schemas['HistoryEntryResponse'], HistoryEntry>();
// Its arrays are read-only, which the generator's aren't.
agree<Omit<Schemas['SubmitOperationRequest'], 'callback'>, Omit<SubmitRequest, 'callback'>>();

const task = JSON.parse(process.env['TASK']!);
const client = createClient<paths>({
  baseUrl: task.url,
  headers: { authorization: `Bearer ${task.key}` },
});
const began = new Date(Date.now() - 60_000).toISOString();

const ids: string[] = [];
for (const input of task.inputs) {
  const callback = { url: task.callback, headers: [{ key: 'authorization', value: 'Bearer ours' }] };
  const body = { type: 'echo', input, callback, correlation: 'order 17' };
  const { data } = await client.POST('/v1/operations', { body });
  ids.push(data!.id);
}
const ended = await Promise.all(
  ids.map(async (id) => {
    const params = { path: { id }, query: { wait: 20 } };
    return (await client.GET('/v1/operations/{id}', { params })).data!;
  }),
);
const query = { type: 'echo', created_after: began, limit: 50, undelivered: false };
const page = await client.GET('/v1/operations', { params: { query } });

async function deliveryOf(id: string): Promise<components['schemas']['DeliveryDetailsResponse']> {
  for (;;) {
    const { data } = await client.GET('/v1/operations/{id}/deliveries', { params: { path: { id } } });
    const owed = data!.data[0];
    if (owed?.status === 'Delivered')
      return (await client.GET('/v1/deliveries/{id}', { params: { path: { id: owed.id } } })).data!;
    await delay(100);
  }
}

const delivery = await deliveryOf(ids[0]!);
const form = new FormData();
form.append('file', new File([task.file], 'data.txt'));
const stored = await client.POST('/v1/files', { body: form as never });
const content = await client.GET('/v1/files/{id}/content', {
  params: { path: { id: stored.data!.id } },
  parseAs: 'text',
});
const result = await client.GET('/v1/operations/{id}/result', {
  params: { path: { id: ids[0]! } },
  parseAs: 'text',
});
const { error: problem } = await client.POST('/v1/operations', { body: { type: 'nope' } });

console.log(
  JSON.stringify({
    ids,
    results: ended.map(({ result }) => result),
    statuses: ended.map(({ status }) => status),
    listed: page.data!.data.map(({ id }) => id),
    delivery: {
      event: delivery.event,
      attempts: delivery.attempts.map(({ http_status }) => http_status),
    },
    file: content.data,
    stored: result.data,
    problem: { code: problem!.code, path: problem!.errors![0]!.path },
  }),
);
