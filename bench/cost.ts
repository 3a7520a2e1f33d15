import { setTimeout as pause } from 'node:timers/promises';
import { now } from './figures.js';
import type { Counted, LookingSpent, Statement } from './postgres-meter.js';
import type { BenchedService } from './service.js';
import { cpuSeconds, othersSeconds } from './usage.js';

/** PostgreSQL's sessions report what they have counted at the latest so long after their last statement. */
const COUNTERS_MS = 10_500;

/** CPU seconds of a phase, per process. */
export interface CpuSpent {
  readonly service: number;
  readonly postgres: number;
}

/** What operations cost, from the first submit to the last callback's entry in the log. */
export interface Cost {
  readonly cpu: CpuSpent | null;
  /** The following three are per operation. */
  readonly commits: number;
  readonly statements: { readonly rows: number; readonly queue: number } | null;
  readonly walBytes: number;
  /** Share of one core: before the load, and after it, when PostgreSQL tidies up. */
  readonly idleCpu: readonly [before: CpuSpent | null, after: CpuSpent | null];
  /** Cores that the rest of the machine kept busy meanwhile: what makes figures noisy. */
  readonly othersCores: number | null;
  readonly spent: LookingSpent | null;
  /** A statement of dispatch on an idle service. */
  readonly idleRoundMs: number | null;
  readonly top: readonly Statement[];
}

/** Measures what so many operations cost the service; `work` is to resolve when the last of them is over. */
export async function costOf(
  { pid, postgres }: BenchedService,
  operations: number,
  top: number,
  work: () => Promise<void>,
): Promise<Cost> {
  await postgres.forget();
  const idleBefore = await idleShare(pid);
  const idleRounds = (await postgres.looking())?.dispatch;
  await postgres.checkpoint();
  await postgres.forget();
  const before = await postgres.counted();
  const [others, startedAt] = [othersSeconds(), now()];
  const cpu = await cpuOver(pid, work);
  const loaded = await postgres.counted();
  const [othersAfter, lastedS] = [othersSeconds(), (now() - startedAt) / 1000];
  const [statements, spent] = [await postgres.top(top), await postgres.looking()];
  const idleAfter = await idleShare(pid);
  const after = await postgres.counted();
  // What the service did while the counters came in is no part of the load; every statement of it commits by itself.
  const idling = callsBetween(loaded, after) ?? 0;
  return {
    cpu,
    commits: (after.commits - before.commits - idling) / operations,
    statements: loaded.statements && {
      rows: (loaded.statements.rows - before.statements!.rows) / operations,
      queue: (loaded.statements.queue - before.statements!.queue) / operations,
    },
    walBytes: (loaded.walBytes - before.walBytes) / operations,
    idleCpu: [idleBefore, idleAfter],
    othersCores: others === null || othersAfter === null ? null : (othersAfter - others) / lastedS,
    spent,
    idleRoundMs: idleRounds ? idleRounds.ms / idleRounds.calls : null,
    top: statements,
  };
}

function callsBetween(from: Counted, to: Counted): number | null {
  if (!from.statements || !to.statements) return null;
  return to.statements.rows + to.statements.queue - from.statements.rows - from.statements.queue;
}

/** What a piece of work costs the service and its PostgreSQL; null where there is no /proc. */
export async function cpuOver(pid: number, work: () => Promise<void>): Promise<CpuSpent | null> {
  const from = cpuSeconds(pid);
  await work();
  const to = cpuSeconds(pid);
  return from && to && { service: to.own - from.own, postgres: to.below - from.below };
}

/** Share of one core that an idle service takes, over the time that PostgreSQL's counters need. */
export async function idleShare(pid: number): Promise<CpuSpent | null> {
  const spent = await cpuOver(pid, () => pause(COUNTERS_MS));
  return (
    spent && {
      service: (spent.service * 1000) / COUNTERS_MS,
      postgres: (spent.postgres * 1000) / COUNTERS_MS,
    }
  );
}
