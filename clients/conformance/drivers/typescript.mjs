// Drives `ringback/client` and `ringback/verify`: a line of JSON in for each call, a line out for what came of it.
import { createInterface } from 'node:readline';
import { RingbackClient, RingbackError } from 'ringback/client';
import { verify, WebhookVerificationError } from 'ringback/verify';

const CALLS = {
  submit: (client, { request, idempotency_key: key }) => client.submit(request, keyed(key)),
  batch: async (client, { requests, idempotency_key: key }) =>
    (await client.batch(requests, keyed(key))).map(({ operation, error }) =>
      operation ? { operation } : { error: told(error) },
    ),
  find: (client, { id }) => client.find(id),
  wait: async (client, { id, timeout_s: timeoutS, outage_s: outageS }) => {
    const updates = [];
    const options = { ...given({ timeoutS, outageS }), onUpdate: (operation) => updates.push(operation) };
    return { value: await client.wait(id, options), updates };
  },
  stream: (client, { id, after, poll_s: pollS }) =>
    taken(client.stream(id, given({ after, pollMs: pollS === undefined ? undefined : pollS * 1000 }))),
  cancel: (client, { id }) => client.cancel(id),
  rerun: (client, { id, idempotency_key: key, ...changes }) =>
    client.rerun(id, { ...changes, ...keyed(key) }),
  list: (client, { filter, take }) => taken(client.list(filter), take),
  deliveries: (client, { filter, take }) => taken(client.deliveries(filter), take),
  redeliver: (client, { id, again }) => client.redeliver(id, given({ again })),
  result: async (client, { id }) => {
    const response = await client.result(id);
    return { text: await response.text(), content_type: response.headers.get('content-type') };
  },
  verify: (_, { body, headers, secrets, now_s: nowS, tolerance_s: toleranceS }) =>
    verify(body, headers, secrets, given({ toleranceS, now: nowS === undefined ? undefined : nowS * 1000 })),
};

async function made({ call, args, options }) {
  const { url, api_key: apiKey, tries, backoff_s: backoffS } = options;
  // Verifying needs none.
  const client = url && new RingbackClient({ url, apiKey, ...given({ tries }), backoffMs: backoffS * 1000 });
  return CALLS[call](client, args);
}

function told(error) {
  if (error instanceof RingbackError) {
    const { status, code, errors, message: detail, retryAfterS: retry_after_s } = error;
    return { status, code, detail, errors, retry_after_s };
  }
  if (error instanceof WebhookVerificationError) return { code: error.code };
  if (error instanceof TypeError) return { code: 'argument', detail: error.message };
  throw error;
}

function given(options) {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function keyed(idempotencyKey) {
  return given({ idempotencyKey });
}

async function taken(all, most = Infinity) {
  const list = [];
  for await (const one of all) if (list.push(one) >= most) break;
  return list;
}

for await (const line of createInterface({ input: process.stdin })) {
  const task = JSON.parse(line);
  const outcome = await made(task).then(
    (value) => (task.call === 'wait' ? value : { value }),
    (error) => ({ error: told(error) }),
  );
  console.log(JSON.stringify(outcome));
}
