// A worker with `ringback/client` that runs the types of the conformance suite: TASK says where Ringback is.
import { setTimeout as sleep } from 'node:timers/promises';
import { RingbackClient, WorkError } from 'ringback/client';

const { url, key: apiKey, name, concurrency, grace_s: graceS } = JSON.parse(process.env.TASK);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

const HANDLERS = {
  'conformance.echo': (input) => ({ result: input }),
  'conformance.steps': async (_, context) => {
    for (const step of [1, 2, 3]) {
      context.progress(step * 25, `step ${step}`);
      context.log(`line ${step}`);
      // Longer than from one renewal to the next, so that each step is told.
      await sleep(1_600);
    }
    return { result: { steps: 3 }, custom: { by: name }, text: 'all three' };
  },
  'conformance.endless': async (_, context) => {
    context.progress(1, `begun by ${name}`);
    await new Promise((_resolve, reject) => {
      context.signal.addEventListener('abort', () => reject(context.signal.reason), { once: true });
    });
  },
  'conformance.refused': () => {
    throw new WorkError('no_such_report', 'there is no report 17');
  },
  'conformance.flaky': (_, { operation }) => {
    if (operation.attempt === 1) throw new Error('the source did not answer');
    return { result: operation.attempt };
  },
  'conformance.large': () => ({ result: 'x'.repeat(2_000_000) }),
};

console.log('{}');
await new RingbackClient({ url, apiKey }).work({
  types: Object.keys(HANDLERS),
  handler: (input, context) => HANDLERS[context.operation.type](input, context),
  ...{ worker: name, concurrency, leaseS: 5, graceS, signal: stop.signal },
});
