import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** The queue backends a run can be about. */
export type Backend = 'postgresql' | 'redis';

/** Ended operations of the side that many are compared with. */
export const FEW_RECORDS = 10_000;

/** What a bench run is asked to do. */
export interface BenchOptions {
  readonly operations: number;
  readonly warmup: number;
  readonly concurrency: number;
  readonly origins: number;
  readonly slots: number;
  readonly idleSamples: number;
  readonly backend: Backend | 'both' | undefined;
  /** A Redis to use in place of one that the bench starts. */
  readonly redisUrl: string | undefined;
  /** Folder for CPU profiles of the service. */
  readonly profile: string | undefined;
  readonly ceilings: boolean;
  /** A git revision to measure beside this checkout, in turns. */
  readonly compare: string | undefined;
  /** Turns of each side. */
  readonly rounds: number;
  /** Operations a second of an open loop, in place of the load at full speed. */
  readonly rate: number | undefined;
  /** How long that lasts. */
  readonly seconds: number;
  /** Ended operations that are there already. */
  readonly records: number | undefined;
  /** Also beside a transaction that stays open, so that PostgreSQL clears no dead row away. */
  readonly oldTransaction: boolean;
  /** Only what rounds of dispatch cost on backlogs of different shape. */
  readonly dispatch: boolean;
  /** After that, the plans of the statements of a round. */
  readonly plans: boolean;
  /** Only what the gateway costs. */
  readonly gateway: boolean;
  /** Only how soon held answers come, and what many of them cost. */
  readonly waits: boolean;
  /** Only what so many operations cost that wait for completions. */
  readonly completions: number | undefined;
  /** Only what it costs to poll so many jobs of another API. */
  readonly jobs: number | undefined;
  /** Only what so many processes on one database cost and do. */
  readonly processes: number | undefined;
  /** Only how soon so many schedules that are due at once have submitted, and what they cost while none is. */
  readonly schedules: number | undefined;
  /** Loads `pg_stat_statements` into the embedded PostgreSQL. */
  readonly statements: boolean;
  /** Statements listed by their share of PostgreSQL's time; 0 for none. */
  readonly top: number;
}

/** Reads the command line; null where help was asked for. */
export function readOptions(args: string[], env: NodeJS.ProcessEnv): BenchOptions | null {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values } = parseArgs({
    args,
    allowNegative: true,
    options: {
      operations: text,
      warmup: text,
      concurrency: text,
      origins: text,
      slots: text,
      'idle-samples': text,
      backend: text,
      redis: text,
      ceilings: flag,
      compare: text,
      rounds: text,
      rate: text,
      seconds: text,
      records: text,
      'old-transaction': flag,
      dispatch: flag,
      plans: flag,
      gateway: flag,
      waits: flag,
      completions: text,
      jobs: text,
      processes: text,
      schedules: text,
      statements: flag,
      top: text,
      profile: text,
      help: flag,
    },
  });
  if (values.help) return null;
  refuseTwoRuns(values);
  refuseWithout('rounds', ['compare', 'rate', 'records', 'old-transaction'], values);
  refuseWithout('seconds', ['rate', 'jobs', 'processes'], values);
  const records = values.records === undefined ? undefined : whole('records', values.records, 0, 100, 1e9);
  const twoSides =
    values.compare !== undefined || (records ?? 0) > FEW_RECORDS || values['old-transaction'] === true;
  return {
    operations: whole(
      'operations',
      values.operations,
      5_000,
      values.processes === undefined ? 1 : 0,
      10_000_000,
    ),
    warmup: whole('warmup', values.warmup, 500, 0, 1_000_000),
    concurrency: whole('concurrency', values.concurrency, 64, 1, 10_000),
    origins: whole('origins', values.origins, 8, 1, 1_000),
    slots: whole('slots', values.slots, 500, 1, 100_000),
    idleSamples: whole('idle-samples', values['idle-samples'], 100, 0, 10_000),
    backend: backend(values.backend),
    redisUrl: values.redis ?? (env['REDIS_URL'] || undefined),
    // Services of other revisions run in other folders.
    profile: values.profile === undefined ? undefined : resolve(values.profile),
    ceilings: values.ceilings ?? true,
    compare: values.compare,
    rounds: whole('rounds', values.rounds, twoSides ? 3 : 1, 1, 1_000),
    rate: values.rate === undefined ? undefined : whole('rate', values.rate, 0, 1, 100_000),
    records,
    oldTransaction: values['old-transaction'] ?? false,
    seconds: whole('seconds', values.seconds, 30, 1, 86_400),
    dispatch: values.dispatch ?? false,
    plans: values.plans ?? false,
    gateway: values.gateway ?? false,
    waits: values.waits ?? false,
    completions:
      values.completions === undefined ? undefined : whole('completions', values.completions, 0, 1, 100_000),
    jobs: values.jobs === undefined ? undefined : whole('jobs', values.jobs, 10_000, 1, 100_000),
    processes: values.processes === undefined ? undefined : whole('processes', values.processes, 0, 1, 500),
    schedules:
      values.schedules === undefined ? undefined : whole('schedules', values.schedules, 0, 1, 1_000_000),
    statements: values.statements ?? true,
    top: whole('top', values.top, 0, 0, 1_000),
  };
}

function refuseWithout(
  name: string,
  others: readonly string[],
  values: Readonly<Record<string, unknown>>,
): void {
  if (values[name] === undefined || others.some((other) => values[other] !== undefined)) return;
  throw new Error(
    `--${name} is for ${others.map((other) => `--${other}`).join(', ')}: it says nothing without`,
  );
}

/** Sides, which differ by revision or records, and rates combine; the others are runs of their own. */
function refuseTwoRuns(values: Readonly<Record<string, unknown>>): void {
  const given = (names: readonly string[]): string[] => names.filter((name) => values[name]);
  const [own, sides] = [
    given(['gateway', 'dispatch', 'waits', 'completions', 'jobs', 'processes', 'schedules']),
    given(['compare', 'rate', 'records', 'old-transaction']),
  ];
  if (values['compare'] && values['old-transaction'])
    throw new Error('--compare and --old-transaction are different sides: give one of them');
  if (own.length === 0 || own.length + sides.length === 1) return;
  const both = [...own, ...sides].map((name) => `--${name}`).join(' and ');
  throw new Error(`${both} are different runs: give one of them`);
}

function whole(name: string, given: string | undefined, fallback: number, min: number, max: number): number {
  const value = given === undefined ? fallback : Number(given);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new Error(`--${name} must be a whole number from ${min} to ${max}, and is "${given}"`);
  return value;
}

function backend(given: string | undefined): BenchOptions['backend'] {
  if (given === undefined || given === 'postgresql' || given === 'redis' || given === 'both') return given;
  throw new Error(`--backend must be postgresql, redis or both, and is "${given}"`);
}
