import { setTimeout as pause } from 'node:timers/promises';
import { median } from './figures.js';
import type { JobsAnswers, ToJobs } from './messages.js';
import type { BenchOptions } from './options.js';
import { ask, type Leftovers } from './processes.js';
import { heading } from './report.js';
import { type BenchedService, startService, stopService } from './service.js';
import { cpuSeconds, othersSeconds } from './usage.js';

/** What a caller may submit at once. */
const BATCH = 500;
const EVERY_S = 5;
const ANSWER_MS = 30_000;
/** What is left uncounted: all have been polled at least once by then. */
const SETTLED_S = 3 * EVERY_S;

/** What it costs to poll jobs of another API, each every 5 s; prints a table. */
export async function benchJobs(options: BenchOptions, leftovers: Leftovers): Promise<void> {
  const count = options.jobs!;
  console.log(`${heading(options)}\n`);
  const api = leftovers.fork('jobs.process.js');
  const said = <Ask extends ToJobs['ask']>(what: Ask) =>
    ask<JobsAnswers[Ask]>(api, { ask: what } as ToJobs, ANSWER_MS);
  const service = await startService({ ...options, slots: 100_000 }, leftovers, {
    settings: { RINGBACK_ALLOWED_PRIVATE: '127.0.0.0/8' },
  });
  try {
    const { port } = await said('listen');
    await submitAll(service, port, count);
    while ((await said('count')).jobs < count) await pause(1_000);
    await pause(SETTLED_S * 1000);
    await said('count');
    const [before, others, startedAt] = [cpuSeconds(service.pid), othersSeconds(), performance.now()];
    await pause(options.seconds * 1000);
    const [after, othersAfter] = [cpuSeconds(service.pid), othersSeconds()];
    const spentS = (performance.now() - startedAt) / 1000;
    const counted = await said('count');
    const share = (from?: number, to?: number): string =>
      from === undefined || to === undefined
        ? 'n/a without /proc'
        : `${((100 * (to - from)) / spentS).toFixed(1)} %`;
    const gaps = counted.gapsMs.toSorted((one, other) => one - other);
    const lines = [
      ['jobs that operations wait for, each polled every 5 s', String(counted.jobs)],
      ['polls a second', (counted.polls / spentS).toFixed(0)],
      ['CPU of the service, of one core', `**${share(before?.own, after?.own)}**`],
      ['CPU of PostgreSQL, of one core', share(before?.below, after?.below)],
      [
        'CPU of the service for one poll, µs',
        (((after!.own - before!.own) * 1e6) / counted.polls).toFixed(0),
      ],
      [
        'seconds between two polls of a job: least, median, most',
        [gaps[0], median(gaps), gaps.at(-1)].map((gap) => (gap! / 1000).toFixed(2)).join(', '),
      ],
      ['connections that the API was called on, in all', String(counted.connections)],
      [
        'cores kept busy by others',
        (((othersAfter ?? Number.NaN) - (others ?? Number.NaN)) / spentS).toFixed(2),
      ],
    ];
    console.log(
      ['| figure | value |', '|---|---|', ...lines.map(([figure, value]) => `| ${figure} | ${value} |`)].join(
        '\n',
      ),
    );
    await said('end');
    await allEnded(service, count);
  } finally {
    await stopService(service, leftovers);
    await leftovers.stop(api);
  }
}

async function submitAll(service: BenchedService, port: number, count: number): Promise<void> {
  const poll = { preset: 'azure', location: 'header:Location', every_s: EVERY_S };
  const input = {
    method: 'POST',
    url: `http://127.0.0.1:${port}/jobs`,
    headers: { authorization: 'Bearer x' },
    poll,
  };
  for (let made = 0; made < count; made += BATCH) {
    const operations = Array.from({ length: Math.min(BATCH, count - made) }, () => ({
      type: 'http.request',
      input,
    }));
    await call(service, '/v1/operations/batch', { operations });
  }
}

/** Every operation is to end once its job has. */
async function allEnded(service: BenchedService, count: number): Promise<void> {
  const startedAt = performance.now();
  for (;;) {
    const { operations } = (await call(service, '/v1/ledger')) as { operations: { finished: number } };
    if (operations.finished >= count) break;
    await pause(500);
  }
  console.log(
    `\nAll ${count} operations Finished ${((performance.now() - startedAt) / 1000).toFixed(1)} s after their jobs had.`,
  );
}

async function call({ url, key }: BenchedService, path: string, body?: object): Promise<unknown> {
  const response = await fetch(url + path, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return response.json();
}
