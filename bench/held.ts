import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { cpuOver, type CpuSpent, idleShare } from './cost.js';
import type { Held, HolderAnswers, LoadAnswer, ReceiverAnswers, ToHolder, ToLoad } from './messages.js';
import type { BenchOptions } from './options.js';
import { ask } from './processes.js';
import type { Helpers } from './run.js';
import type { ServiceProcess } from './service.js';
import { residentMb } from './usage.js';

/** An account may have 200 held; these have 150 each. */
const ACCOUNTS = 8;
const POLLS_EACH = 125;
const STREAMS_EACH = 25;
/** Loads without and with answers held: drift falls on both. */
const ORDER = ['without', 'with', 'with', 'without', 'without', 'with', 'with', 'without'] as const;
const WARMUPS = 3;
const SETTLE_MS = 3_000;
const LOAD_MS = 300_000;
const HOUR_MS = 3_600_000;

type Side = (typeof ORDER)[number];

/** What answers that are held cost the service. */
export interface HeldCost {
  readonly polls: number;
  readonly streams: number;
  /** Submits a second, of each load. */
  readonly accepted: Readonly<Record<Side, readonly number[]>>;
  /** Operations a second, callback included. */
  readonly endToEnd: Readonly<Record<Side, readonly number[]>>;
  /** Resident MB when idle, just before and once they are held: before any load, and then each time. */
  readonly idleMb: readonly { readonly before: number; readonly held: number }[];
  /** Most resident MB during each load. */
  readonly mostMb: Readonly<Record<Side, readonly number[]>>;
  /** Seconds of CPU an operation, service and PostgreSQL together, of each load: what else runs here doesn't slow that. */
  readonly cpuEach: Readonly<Record<Side, readonly number[]>>;
  readonly idleCpu: Readonly<Record<Side, CpuSpent | null>>;
  readonly answered: number;
  /** Answers that should have been held and weren't: 0, or the figures say nothing. */
  readonly early: number;
}

/** Has 1,200 answers held by a service that has done little, and then submits the same load without and with them, by turns. */
export async function measureHeld(
  service: ServiceProcess,
  options: BenchOptions,
  helpers: Helpers,
  holder: ChildProcess,
): Promise<HeldCost> {
  const { polls, streams } = await waitedFor(service);
  const cost = {
    accepted: { without: [] as number[], with: [] as number[] },
    endToEnd: { without: [] as number[], with: [] as number[] },
    mostMb: { without: [] as number[], with: [] as number[] },
    cpuEach: { without: [] as number[], with: [] as number[] },
    idleMb: [] as { before: number; held: number }[],
    idleCpu: { without: null as CpuSpent | null, with: null as CpuSpent | null },
    answered: 0,
    early: 0,
  };
  const hold = async (): Promise<void> => {
    await pause(SETTLE_MS);
    const before = residentMb(service.pid) ?? 0;
    const question: ToHolder = { ask: 'hold', serviceUrl: service.url, polls, streams };
    await ask<HolderAnswers['hold']>(holder, question, 60_000);
    await pause(SETTLE_MS);
    cost.idleMb.push({ before, held: residentMb(service.pid) ?? 0 });
  };
  const leave = async (): Promise<void> => {
    const left = await ask<HolderAnswers['leave']>(holder, { ask: 'leave' }, 10_000);
    cost.answered += left.answered;
    cost.early += left.early;
  };
  // Before loads have left memory behind that is free to be used again.
  await hold();
  await leave();
  for (let count = 0; count < WARMUPS; count++) await load(service, options, helpers);
  for (const side of ORDER) {
    if (side === 'with') await hold();
    else await pause(SETTLE_MS);
    cost.idleCpu[side] ??= await idleShare(service.pid);
    const loaded = await load(service, options, helpers);
    cost.accepted[side].push(loaded.accepted);
    cost.endToEnd[side].push(loaded.endToEnd);
    cost.mostMb[side].push(loaded.mostMb);
    cost.cpuEach[side].push(loaded.cpuEach);
    if (side === 'with') await leave();
  }
  return { polls: polls.length, streams: streams.length, ...cost };
}

/** How one load went. */
interface Loaded {
  readonly accepted: number;
  readonly endToEnd: number;
  readonly mostMb: number;
  readonly cpuEach: number;
}

/** One load: as many submits as can be, and all their callbacks. */
async function load(
  { url, key, pid }: ServiceProcess,
  { operations, concurrency }: BenchOptions,
  { load: maker, receiver, ports }: Helpers,
): Promise<Loaded> {
  await ask<ReceiverAnswers['forget']>(receiver, { ask: 'forget' }, 10_000);
  let mostMb = 0;
  let at = 0;
  let submitted!: LoadAnswer;
  const watch = setInterval(() => (mostMb = Math.max(mostMb, residentMb(pid) ?? 0)), 50);
  const question: ToLoad = {
    ask: 'submit',
    serviceUrl: url,
    key,
    ports,
    count: operations,
    concurrency,
    gapMs: 0,
  };
  try {
    const cpu = await cpuOver(pid, async () => {
      const reached = ask<ReceiverAnswers['reach']>(receiver, { ask: 'reach', count: operations }, LOAD_MS);
      submitted = await ask<LoadAnswer>(maker, question, LOAD_MS);
      if (submitted.refused > 0) throw new Error(`${submitted.refused} submits were refused`);
      ({ at } = await reached);
    });
    return {
      accepted: (operations * 1000) / (submitted.endedAt - submitted.startedAt),
      endToEnd: (operations * 1000) / (at - submitted.startedAt),
      mostMb,
      cpuEach: cpu ? (cpu.service + cpu.postgres) / operations : Number.NaN,
    };
  } finally {
    clearInterval(watch);
  }
}

/** Operations that won't end within the run, one for each answer, of several accounts. */
async function waitedFor(service: ServiceProcess): Promise<{ polls: Held[]; streams: Held[] }> {
  const polls: Held[] = [];
  const streams: Held[] = [];
  const run_at = new Date(Date.now() + HOUR_MS).toISOString();
  for (let number = 0; number < ACCOUNTS; number++) {
    const account = await post<{ id: string }>(service, service.key, '/v1/accounts', {
      name: `waits ${number}`,
    });
    const { key } = await post<{ key: string }>(service, service.key, `/v1/accounts/${account.id}/keys`, {
      name: 'bench',
      scopes: ['operations:read', 'operations:write'],
    });
    const operations = Array.from({ length: POLLS_EACH + STREAMS_EACH }, () => ({ type: 'echo', run_at }));
    const { data } = await post<{ data: { operation: { id: string } }[] }>(
      service,
      key,
      '/v1/operations/batch',
      {
        operations,
      },
    );
    const held = data.map(({ operation: { id } }) => ({ key, id }));
    polls.push(...held.slice(0, POLLS_EACH));
    streams.push(...held.slice(POLLS_EACH));
  }
  return { polls, streams };
}

async function post<Answer>(
  { url }: ServiceProcess,
  key: string,
  path: string,
  body: object,
): Promise<Answer> {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Answer;
}
