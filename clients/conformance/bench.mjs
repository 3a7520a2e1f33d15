// Operations per second through one worker, against a Ringback that runs: RB=… KEY=… node clients/conformance/bench.mjs PROGRAM ARGS…
// PROGRAM is a worker of the suite: `python clients/conformance/drivers/worker.py`, or the Go driver with `work`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { RingbackClient } from 'ringback/client';

const { RB: url, KEY: apiKey, OPERATIONS = '10000', CONCURRENCY = '100' } = process.env;
const client = new RingbackClient({ url, apiKey });
const type = 'conformance.echo';
for (const name of ['echo', 'steps', 'endless', 'refused', 'flaky', 'large'])
  await fetch(`${url}/v1/operation-types/conformance.${name}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ title: name }),
  });
const { id } = await client.account();
await fetch(`${url}/v1/accounts/${id}`, {
  method: 'PATCH',
  headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
  body: JSON.stringify({ slots: 1000 }),
});
const correlation = `bench ${Date.now()}`;
for (let left = Number(OPERATIONS); left > 0; left -= 500)
  await client.batch(
    Array.from({ length: Math.min(500, left) }, (_, n) => ({ type, input: { n }, correlation })),
  );

const [program, ...args] = process.argv.slice(2);
const task = { url, key: apiKey, name: 'bench', concurrency: Number(CONCURRENCY), grace_s: 10 };
const worker = spawn(program, args, {
  env: { ...process.env, TASK: JSON.stringify(task) },
  stdio: ['ignore', 'pipe', 'inherit'],
});
await once(worker.stdout, 'data');
const from = performance.now();
const filter = { correlation, status: 'Waiting,Executing' };
const waits = async () => {
  for await (const _ of client.list(filter)) return true;
  return false;
};
while (await waits()) await new Promise((resolve) => setTimeout(resolve, 250));
const seconds = (performance.now() - from) / 1000;
console.log(
  `${OPERATIONS} operations in ${seconds.toFixed(1)} s: ${Math.round(Number(OPERATIONS) / seconds)}/s`,
);
const ended = once(worker, 'exit');
worker.kill('SIGTERM');
await ended;
