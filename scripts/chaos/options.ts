import { parseArgs } from 'node:util';

/** The queue backends a campaign can be about. */
export type Backend = 'postgresql' | 'redis';

/** What a campaign is asked to do. */
export interface ChaosOptions {
  readonly operations: number;
  readonly seed: number;
  readonly backend: Backend | 'both';
  /** Minutes of load and faults, on each backend. */
  readonly minutes: number;
  /** Seconds that the system has to come to rest, once faults and load are over. */
  readonly restS: number;
  /** Where the recorded facts are written, as JSON; undefined: nowhere. */
  readonly facts: string | undefined;
}

/** Operations a minute where no minutes are given. */
const PACE = 4_000;

/** What `npm run chaos -- --help` prints. */
export const HELP = `npm run chaos -- [options]

  --operations N      operations to submit, on each backend (2000)
  --backend B         postgresql, redis or both (both); without a redis-server on PATH, Redis is left out
  --seed N            the schedule of faults and the load follow from it (one is drawn and printed)
  --minutes M         minutes of load and faults, on each backend (one for each ${PACE} operations, at least 1)
  --rest S            seconds until everything must have ended, once faults and load are over (120)
  --facts FOLDER      write there what was recorded, and what the processes said

Exit code 1 when a promise was broken: each violation is listed with the ids that it is about.
`;

/** Reads the command line; null where help was asked for. */
export function readOptions(args: string[], anySeed: number): ChaosOptions | null {
  const text = { type: 'string' } as const;
  const options = { operations: text, backend: text, seed: text, minutes: text, rest: text, facts: text };
  const { values } = parseArgs({ args, options: { ...options, help: { type: 'boolean' } } });
  if (values.help) return null;
  const operations = Math.round(number('operations', values.operations, 2_000, 1, 10_000_000));
  return {
    operations,
    seed: Math.round(number('seed', values.seed, anySeed, 0, 2 ** 31)),
    backend: backend(values.backend),
    minutes: number('minutes', values.minutes, Math.max(1, operations / PACE), 0.2, 600),
    restS: number('rest', values.rest, 120, 10, 3_600),
    facts: values.facts,
  };
}

function number(name: string, given: string | undefined, fallback: number, min: number, max: number): number {
  const value = given === undefined ? fallback : Number(given);
  if (!(value >= min && value <= max))
    throw new Error(`--${name} must be a number from ${min} to ${max}, and is "${given}"`);
  return value;
}

function backend(given: string | undefined): ChaosOptions['backend'] {
  if (given === undefined) return 'both';
  if (given === 'postgresql' || given === 'redis' || given === 'both') return given;
  throw new Error(`--backend must be postgresql, redis or both, and is "${given}"`);
}
