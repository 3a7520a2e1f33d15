import { randomBytes } from 'node:crypto';
import { median } from './figures.js';
import { type HeldCost, measureHeld } from './held.js';
import type { BenchOptions } from './options.js';
import type { Leftovers } from './processes.js';
import { heading, idleCpu, spread } from './report.js';
import type { Helpers } from './run.js';
import { startProcess, startService, stopService } from './service.js';
import { othersSeconds } from './usage.js';
import { measureWakeUps, type WakeUps } from './wake-ups.js';

/** How soon what is held tells an operation's end, and what many held answers cost; prints a table. */
export async function benchWaits(
  options: BenchOptions,
  helpers: Helpers,
  leftovers: Leftovers,
): Promise<void> {
  console.log(`${heading(options)}\n`);
  const startedAt = performance.now();
  const others = othersSeconds();
  const apart = await wakeUpsApart(options, leftovers);
  const service = await startService(options, leftovers);
  try {
    const together = await measureWakeUps(service, options.idleSamples);
    const held = await measureHeld(service, options, helpers, leftovers.fork('holder.process.js'));
    const spent = (othersSeconds() ?? Number.NaN) - (others ?? Number.NaN);
    const busy = spent / ((performance.now() - startedAt) / 1000);
    console.log(table(together, apart, held, busy));
  } finally {
    await stopService(service, leftovers);
  }
}

/** With the API in one process and the worker in another. */
async function wakeUpsApart(options: BenchOptions, leftovers: Leftovers): Promise<WakeUps> {
  const secrets = { RINGBACK_SECRET_KEYS: `k1:${randomBytes(32).toString('base64')}` };
  const api = await startService(options, leftovers, { settings: { ...secrets, RINGBACK_ROLE: 'api' } });
  try {
    const worker = await startProcess(options, leftovers, {
      settings: {
        ...secrets,
        RINGBACK_ROLE: 'worker',
        RINGBACK_DATA_DIR: await leftovers.folder('worker'),
        DATABASE_URL: api.postgres.url,
      },
    });
    try {
      return await measureWakeUps(api, options.idleSamples);
    } finally {
      await leftovers.stop(worker.child);
    }
  } finally {
    await stopService(api, leftovers);
  }
}

function table(together: WakeUps, apart: WakeUps, held: HeldCost, othersCores: number): string {
  const { accepted, endToEnd, mostMb, idleMb } = held;
  const grown = idleMb.map(({ before, held: after }) => after - before);
  const lines: [string, string][] = [
    ['end → held long-poll answered, one process, p50 / p95 / p99', spread(together.poll)],
    ['the same, API and worker in two processes', spread(apart.poll)],
    ["end → end's entry in a history stream, one process, p50 / p95 / p99", spread(together.stream)],
    ['the same, API and worker in two processes', spread(apart.stream)],
    [
      'for comparison, a plain read meanwhile: one process; two',
      `${spread(together.read)}; ${spread(apart.read)}`,
    ],
    ['long-polls and streams held at once', `${held.polls} and ${held.streams}`],
    [
      'memory of the idle service, before → held: before any load, then each time; most grown',
      `${idleMb.map(({ before, held: after }) => `${before.toFixed(0)} → ${after.toFixed(0)}`).join(', ')}; **${Math.max(...grown).toFixed(0)} MB**`,
    ],
    [
      'most memory under load: without; with; difference of the medians',
      `${mostMb.without.map(whole).join(' ')}; ${mostMb.with.map(whole).join(' ')}; **${(median(mostMb.with) - median(mostMb.without)).toFixed(0)} MB**`,
    ],
    ['submits/s: without; with; ratio of the medians', compared(accepted)],
    ['end to end/s: without; with; ratio of the medians', compared(endToEnd)],
    [
      'CPU per operation, ms: without; with; ratio of the medians',
      compared(held.cpuEach, (seconds) => (1000 * seconds).toFixed(2)),
    ],
    [
      'CPU when idle, service + PostgreSQL: without; with',
      `${idleCpu(held.idleCpu.without)}; ${idleCpu(held.idleCpu.with)}`,
    ],
    ['polls answered when their time was up; answers not held', `${held.answered}; ${held.early}`],
    ['cores kept busy by others', Number.isNaN(othersCores) ? 'n/a without /proc' : othersCores.toFixed(2)],
  ];
  return [
    '| figure | value |',
    '|---|---|',
    ...lines.map(([figure, value]) => `| ${figure} | ${value} |`),
  ].join('\n');
}

function compared(figures: HeldCost['accepted'], shown = whole): string {
  const { without, with: beside } = figures;
  const ratio = (median(beside) / median(without)).toFixed(2);
  return `${without.map(shown).join(' ')}; ${beside.map(shown).join(' ')}; **${ratio}**`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
