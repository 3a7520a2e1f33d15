// Drives the client that openapi-generator makes for TypeScript's fetch. Prints what it saw, as JSON.
import { setTimeout as delay } from 'node:timers/promises';
import {
  Configuration,
  DeliveriesApi,
  type DeliveryDetailsResponse,
  FilesApi,
  OperationsApi,
  ProblemResponseFromJSON,
  ResponseError,
} from './client/index.js';

const task = JSON.parse(process.env['TASK']!);
const configuration = new Configuration({ basePath: task.url, accessToken: task.key });
const operations = new OperationsApi(configuration);
const deliveries = new DeliveriesApi(configuration);
const files = new FilesApi(configuration);
const began = new Date(Date.now() - 60_000);

const ids: string[] = [];
for (const input of task.inputs) {
  const callback = { url: task.callback, headers: [{ key: 'authorization', value: 'Bearer ours' }] };
  const submitOperationRequest = { type: 'echo', input, callback, correlation: 'order 17' };
  ids.push((await operations.submitOperation({ submitOperationRequest })).id);
}
const ended = await Promise.all(ids.map((id) => operations.getOperation({ id, wait: 20 })));
const page = await operations.listOperations({
  type: 'echo',
  createdAfter: began,
  limit: 50,
  undelivered: false,
});

async function deliveryOf(id: string): Promise<DeliveryDetailsResponse> {
  for (;;) {
    const [owed] = (await operations.listOperationDeliveries({ id })).data;
    if (owed?.status === 'Delivered') return deliveries.getDelivery({ id: owed.id });
    await delay(100);
  }
}

const delivery = await deliveryOf(ids[0]!);
const stored = await files.uploadFile({ file: new File([task.file], 'data.txt') });
const content = await files.getFileContent({ id: stored.id });
const refusal: unknown = await operations
  .submitOperation({ submitOperationRequest: { type: 'nope' } })
  .catch((error: unknown) => error);
if (!(refusal instanceof ResponseError)) throw new Error(`no problem: ${String(refusal)}`);
const problem = ProblemResponseFromJSON(await refusal.response.json());

console.log(
  JSON.stringify({
    ids,
    results: ended.map(({ result }) => result),
    statuses: ended.map(({ status }) => status),
    listed: page.data.map(({ id }) => id),
    delivery: {
      event: delivery.event,
      attempts: delivery.attempts.map(({ httpStatus }) => httpStatus),
    },
    file: await content.text(),
    stored: await (await operations.getOperationResult({ id: ids[0]! })).text(),
    problem: { code: problem.code, path: problem.errors![0]!.path },
  }),
);
