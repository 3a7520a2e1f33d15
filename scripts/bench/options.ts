import { parseArgs } from 'node:util';

/** The queue backends a run can be about. */
export type Backend = 'postgresql' | 'redis';

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
  /** Only what rounds of dispatch cost on backlogs of different shape. */
  readonly dispatch: boolean;
  /** After that, the plans of the statements of a round. */
  readonly plans: boolean;
  /** Only what the gateway costs. */
  readonly gateway: boolean;
  /** Only how soon held answers come, and what many of them cost. */
  readonly waits: boolean;
  /** Loads `pg_stat_statements` into the embedded PostgreSQL. */
  readonly statements: boolean;
  /** Statements listed by their share of PostgreSQL's time; 0 for none. */
  readonly top: number;
}

/** What `npm run bench -- --help` prints. */
export const HELP = `npm run bench -- [options]

  --operations N      operations of the load phase (5000)
  --warmup N          operations before it that are not counted (500)
  --concurrency N     submitting connections (64)
  --origins N         receivers' ports, so origins (8)
  --slots N           slots of the account (500)
  --idle-samples N    operations submitted one at a time to an idle service (100)
  --backend B         postgresql, redis or both (both where a Redis can be had)
  --redis URL         a Redis to use; else REDIS_URL, else a redis-server from PATH is started and stopped.
                      Never one that a Ringback in use shares: the keys would mix.
  --gateway           only: the gateway: pass-through against the proxy library alone, background answers, 200 MB kept
  --dispatch          only: what a round of dispatch costs on backlogs of 1,000 and 100,000, of 1 to 1,000 accounts
  --plans             with --dispatch: also how PostgreSQL runs each statement of a round
  --waits             only: how soon long-polls and history streams tell an end, and what 1,200 held answers cost
  --no-ceilings       leave out bare got and bare BullMQ
  --no-statements     leave out pg_stat_statements (its counting costs a little)
  --top N             list the N statements that took most of PostgreSQL's time (0)
  --profile FOLDER    write CPU profiles of the service there

Settings of Ringback in the environment (RINGBACK_CONCURRENCY, …) reach the service.
`;

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
      dispatch: flag,
      plans: flag,
      gateway: flag,
      waits: flag,
      statements: flag,
      top: text,
      profile: text,
      help: flag,
    },
  });
  if (values.help) return null;
  return {
    operations: whole('operations', values.operations, 5_000, 1, 10_000_000),
    warmup: whole('warmup', values.warmup, 500, 0, 1_000_000),
    concurrency: whole('concurrency', values.concurrency, 64, 1, 10_000),
    origins: whole('origins', values.origins, 8, 1, 1_000),
    slots: whole('slots', values.slots, 500, 1, 100_000),
    idleSamples: whole('idle-samples', values['idle-samples'], 100, 0, 10_000),
    backend: backend(values.backend),
    redisUrl: values.redis ?? (env['REDIS_URL'] || undefined),
    profile: values.profile,
    ceilings: values.ceilings ?? true,
    dispatch: values.dispatch ?? false,
    plans: values.plans ?? false,
    gateway: values.gateway ?? false,
    waits: values.waits ?? false,
    statements: values.statements ?? true,
    top: whole('top', values.top, 0, 0, 1_000),
  };
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
