import { z } from 'zod';
import { deliveryLine, operationLines } from './shown.js';
import { type Tool, tool } from './tools.js';

/** Seconds that a submit may wait for the end. */
const MOST_WAIT_S = 60;

const submit = tool({
  name: 'submit',
  title: 'Submit an operation',
  description:
    'Submits an operation to run in the background, and answers its id; with wait_s it waits that long for the end. Two calls with the same idempotency_key make one operation.',
  input: {
    type: z.string().min(1).describe('name of an operation type'),
    input: z.unknown().optional().describe('JSON that the type takes'),
    callback_url: z.string().optional().describe('where the end is told'),
    correlation: z.string().max(512).optional().describe('an id of yours, echoed everywhere'),
    flow: z
      .object({
        key: z.string().min(1).max(200),
        parallelism: z.number().int().min(1).optional().describe('how many of the key run at once'),
        rate: z.number().int().min(1).optional().describe('how many of the key start in a period'),
        period_s: z.number().positive().optional(),
      })
      .optional()
      .describe('runs with others of the same key, of which only so many run or start at once'),
    idempotency_key: z.string().min(1).max(255).optional(),
    wait_s: z.number().min(0).max(MOST_WAIT_S).default(0),
  },
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  run: async (
    { type, input, callback_url: url, correlation, flow, idempotency_key: key, wait_s: waitS },
    service,
  ) => {
    const submitted = await service.client.submit(
      {
        type,
        ...(input === undefined ? {} : { input }),
        ...(url === undefined ? {} : { callback: { url } }),
        ...(correlation === undefined ? {} : { correlation }),
        ...(flow === undefined ? {} : { flow }),
      },
      key === undefined ? {} : { idempotencyKey: key },
    );
    const operation = waitS > 0 ? await service.client.wait(submitted.id, { timeoutS: waitS }) : submitted;
    const { completion_url: end } = submitted;
    return [
      ...operationLines(operation, service),
      ...(end === undefined ? [] : [`Completion URL, shown this once: ${end}`]),
    ];
  },
});

const redeliver = tool({
  name: 'redeliver',
  title: 'Send a callback again',
  description:
    'Makes one more attempt of a delivery now, with the same id and bytes: for one that was given up, after its receiver was mended. "again" also sends one that was delivered.',
  input: {
    id: z.string().min(1).describe('id of the delivery: dlv_…'),
    again: z.boolean().default(false),
  },
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  run: async ({ id, again }, service) => {
    const delivery = await service.client.redeliver(id, again ? { again } : {});
    return [
      deliveryLine(delivery),
      `"explain" says what becomes of it. Console: ${service.console(`deliveries/${delivery.id}`)}`,
    ];
  },
});

/** Tools that change something: there only where they were asked for. */
export const WRITING: readonly Tool[] = [submit, redeliver];
