import { availableParallelism, cpus, loadavg } from 'node:os';
import type { CpuSpent } from './cost.js';
import type { Spread } from './figures.js';
import type { Backend, BenchOptions } from './options.js';
import type { Statement } from './postgres-meter.js';
import type { Measured } from './run.js';
import { type HopName, HOPS, type Trace } from './trace.js';

/** What the parts can do alone, units a second. */
export interface Ceilings {
  readonly got: number | null;
  readonly bullmq: ReadonlyMap<Backend, number>;
}

/** The machine and the settings, in one paragraph: figures mean nothing without them. */
export function heading(options: BenchOptions): string {
  const { operations, concurrency, origins, slots, warmup, rate, seconds, records } = options;
  const load =
    rate === undefined
      ? `${count(operations)} operations of type \`echo\` over ${concurrency} connections`
      : `${count(rate)} operations of type \`echo\` a second, for ${seconds} s`;
  return [
    `Node ${process.versions.node}, ${availableParallelism()} CPUs (${cpus()[0]?.model.trim() ?? 'unknown'}), `,
    `load average before the run ${loadavg()[0]!.toFixed(2)}. `,
    `${load}, after ${count(warmup)} for warming up; ${origins} receivers' origins, ${slots} slots. `,
    records === undefined ? '' : `${count(records)} ended operations beforehand. `,
    'Everything on this one machine, over loopback.',
  ].join('');
}

/** One table for one backend. */
export function table(measured: Measured, options: BenchOptions, ceilings: Ceilings): string {
  const { backend } = measured;
  const bullmq = ceilings.bullmq.get(backend) ?? null;
  const lines: [string, string][] = [
    ['accepted', perSecond(measured.acceptedPerSecond)],
    ['operations with their callback received, end to end', perSecond(measured.endToEndPerSecond)],
    ['submit → answer, p50 / p95 / p99', spread(measured.answerMs)],
    ['end → callback received, p50 / p95 / p99', spread(measured.callbackMs)],
    ['idle: submit → callback received, p50 / p95 / p99', spread(measured.idle?.waited ?? null)],
    ['the same of a healthy receiver, alone; beside 50 that hang; ratio of the p95s', isolation(measured)],
    [
      "six callbacks of a healthy account, first submit → last received, alone; beside a neighbour's 16 that hang at the same origin; ratio of the p50s",
      sharedOrigin(measured),
    ],
    ['commits per operation', measured.commits.toFixed(2)],
    ['statements per operation, rows + queue', statements(measured)],
    ['CPU per operation, service + PostgreSQL', cpuEach(measured, options.operations)],
    ['WAL per operation', `${(measured.walBytes / 1024).toFixed(1)} KB`],
    ['memory of the service, start → tenths of the load', memory(measured.residentMb)],
    ['CPU when idle, service + PostgreSQL, before; after the load', measured.idleCpu.map(idleCpu).join('; ')],
    ['cores kept busy by others during the load', measured.othersCores?.toFixed(2) ?? 'n/a without /proc'],
    ['refused submits, doubled callbacks', `${measured.refused}, ${measured.duplicates}`],
    ['ceiling: bare got, POSTs', ratio(ceilings.got, measured.endToEndPerSecond)],
    ['ceiling: bare BullMQ, add + process', ratio(bullmq, measured.endToEndPerSecond)],
  ];
  return [
    `### ${backend === 'redis' ? 'Redis' : 'PostgreSQL'} as the queue`,
    '',
    '| figure | value |',
    '|---|---|',
    ...lines.map(([figure, value]) => `| ${figure} | ${value} |`),
    ...(measured.idle ? traceTable(measured.idle.trace) : []),
    ...topStatements(measured.top, options.operations),
    '',
  ].join('\n');
}

function traceTable(trace: Trace): string[] {
  return [
    '',
    '| one operation of an idle service, medians | ms | since the submit, ms |',
    '|---|---|---|',
    ...Object.entries(HOPS).map(([name, { label }]) => {
      const { took, since } = trace[name as HopName];
      return `| ${label} | ${took.toFixed(1)} | ${since.toFixed(1)} |`;
    }),
  ];
}

/** What took most of PostgreSQL's time, as a table; nothing where none is wanted. */
export function topStatements(top: readonly Statement[], operations: number): string[] {
  if (top.length === 0) return [];
  return [
    '',
    '| ms per operation | calls per operation | ms per call | rows per call | WAL bytes per operation | statement |',
    '|---|---|---|---|---|---|',
    ...top.map(({ text, calls, totalMs, rows, walBytes }) =>
      [
        '',
        (totalMs / operations).toFixed(3),
        (calls / operations).toFixed(3),
        (totalMs / calls).toFixed(2),
        (rows / calls).toFixed(1),
        Math.round(walBytes / operations),
        `\`${text.slice(0, 110).replaceAll('|', '\\|')}\``,
        '',
      ]
        .join(' | ')
        .trim(),
    ),
  ];
}

function isolation({ isolation }: Measured): string {
  if (!isolation) return 'n/a';
  const { alone, beside } = isolation;
  return `${spread(alone)}; ${spread(beside)}; **${(beside.p95 / alone.p95).toFixed(2)}**`;
}

function sharedOrigin({ sharedOrigin }: Measured): string {
  if (!sharedOrigin) return 'n/a';
  const { alone, beside } = sharedOrigin;
  return `${spread(alone)}; ${spread(beside)}; **${(beside.p50 / alone.p50).toFixed(2)}**`;
}

function perSecond(value: number): string {
  return `**${count(value)}/s**`;
}

/** Percentiles in words. */
export function spread(value: Spread | null): string {
  return value
    ? `${[value.p50, value.p95, value.p99].map((ms) => ms.toFixed(1)).join(' / ')} ms`
    : 'not measured';
}

function statements({ statements: counted }: Measured): string {
  if (!counted) return 'n/a without pg_stat_statements';
  return `${counted.rows.toFixed(2)} + ${counted.queue.toFixed(2)}`;
}

function cpuEach({ cpu }: Measured, operations: number): string {
  if (!cpu) return 'n/a without /proc';
  return `${((cpu.service / operations) * 1000).toFixed(2)} + ${((cpu.postgres / operations) * 1000).toFixed(2)} ms`;
}

function memory(points: readonly (number | null)[]): string {
  return points.some((point) => point === null)
    ? 'n/a without /proc'
    : `${points.map((mb) => Math.round(mb!)).join(' ')} MB`;
}

/** Shares of one core, in words. */
export function idleCpu(share: CpuSpent | null): string {
  if (!share) return 'n/a without /proc';
  return `${(100 * share.service).toFixed(1)} % + ${(100 * share.postgres).toFixed(1)} %`;
}

function ratio(ceiling: number | null, reached: number): string {
  return ceiling === null
    ? 'not measured'
    : `${count(ceiling)}/s; end to end is ${((100 * reached) / ceiling).toFixed(1)} % of it`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
