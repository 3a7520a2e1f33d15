import { setTimeout as pause } from 'node:timers/promises';
import { type Build, buildOf, TODAY } from '../scripts/processes/build.js';
import { median } from './figures.js';
import { revisionOf } from './revision.js';
import { type Backend, type BenchOptions, FEW_RECORDS } from './options.js';
import type { Leftovers } from './processes.js';
import { fillWithRecords } from './records.js';
import { redisFor } from './redis.js';
import { heading, topStatements } from './report.js';
import type { Helpers } from './run.js';
import { type Column, inTurns, sidesTable } from './sides-table.js';
import { type Side, takeTurn } from './turn.js';
import type { Turn } from './turn-figures.js';
import { BUSY_CORES, othersCores } from './usage.js';

/** Measures sides in turns, on each queue backend, and prints one table. */
export async function benchSides(
  options: BenchOptions,
  helpers: Helpers,
  leftovers: Leftovers,
): Promise<void> {
  console.log(`${heading(options)}\n`);
  await warnOfOthers();
  const sides = await sidesOf(options, helpers, leftovers);
  const groups: Column[][] = [];
  for (const backend of backendsOf(options, sides)) {
    const measured = new Map<Side, Turn[]>(sides.map((side) => [side, []]));
    for (const side of inTurns(sides, options.rounds)) {
      const turns = measured.get(side)!;
      console.error(`${NAMES[backend]}, ${side.name}, round ${turns.length + 1} of ${options.rounds} …`);
      const on = backend === 'redis' ? side : { ...side, redisUrl: undefined };
      turns.push(await takeTurn(on, options, helpers, leftovers));
      // The machine's disk and caches come to rest before the next one.
      await pause(1000);
    }
    groups.push([...measured].map(([{ name }, turns]) => ({ name: `${NAMES[backend]}, ${name}`, turns })));
  }
  print(groups, options);
}

const NAMES = { postgresql: 'PostgreSQL', redis: 'Redis' } as const satisfies Record<Backend, string>;

/** What is measured in turns, with a database and a Redis each: what a revision leaves there is nothing that another has to know. */
async function sidesOf(options: BenchOptions, helpers: Helpers, leftovers: Leftovers): Promise<Side[]> {
  const sides: Side[] = [];
  for (const planned of await plannedSides(options, leftovers)) {
    const dataDir = await leftovers.folder('data');
    const side = { ...planned, dataDir, redisUrl: await redisFor(options, leftovers) };
    if (side.records > 0) await fillWithRecords(side, options, helpers, leftovers);
    sides.push(side);
  }
  return sides;
}

type Planned = Pick<Side, 'name' | 'build' | 'records' | 'oldTransaction'>;

/** Two revisions, or this checkout with few records and with many, or alone and beside an old transaction. */
async function plannedSides(options: BenchOptions, leftovers: Leftovers): Promise<Planned[]> {
  const { records = 0, compare, oldTransaction } = options;
  if (oldTransaction)
    return [false, true].map((beside) => ({
      name: beside ? 'beside an old transaction' : 'alone',
      build: TODAY,
      records,
      oldTransaction: beside,
    }));
  if (compare === undefined && records > FEW_RECORDS)
    return [FEW_RECORDS, records].map((count) => ({
      name: `${count.toLocaleString('en-US')} ended`,
      build: TODAY,
      records: count,
      oldTransaction,
    }));
  const builds = await buildsOf(options, leftovers);
  return Object.entries(builds).map(([name, build]) => ({ name, build, records, oldTransaction }));
}

async function buildsOf({ compare }: BenchOptions, leftovers: Leftovers): Promise<Record<string, Build>> {
  if (compare === undefined) return { 'this checkout': TODAY };
  const revision = await revisionOf(compare);
  console.log(`Before: ${revision.title}. After: this checkout.\n`);
  console.error(`building ${revision.title} …`);
  return { before: await buildOf(revision.commit, leftovers), after: TODAY };
}

function backendsOf({ backend }: BenchOptions, sides: readonly Side[]): Backend[] {
  const backends: Backend[] = backend === 'redis' ? [] : ['postgresql'];
  if (sides[0]!.redisUrl !== undefined) backends.push('redis');
  return backends;
}

async function warnOfOthers(): Promise<void> {
  const cores = await othersCores();
  if (cores === null || cores < BUSY_CORES) return;
  console.error(
    `others keep ${cores.toFixed(2)} cores of this machine busy: compare no times, and CPU per operation only roughly`,
  );
}

function print(groups: readonly (readonly Column[])[], options: BenchOptions): void {
  console.log(sidesTable(groups));
  const columns = groups.flat();
  const busy = columns.map(({ turns }) => median(turns.flatMap(({ figures }) => figures.othersCores ?? [])));
  if (options.rounds > 1) console.log('\nMedians of the turns; in brackets the least and the most.');
  if (Math.max(...busy) >= BUSY_CORES)
    console.log('\n**Others kept the machine busy:** compare no times, and CPU per operation only roughly.');
  for (const { name, turns } of columns) {
    const last = turns.at(-1)!;
    const top = topStatements(last.top, last.operations);
    if (top.length > 0) console.log(['', `${name}, last turn:`, ...top].join('\n'));
  }
}
