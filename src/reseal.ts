import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { dataSourceOptions } from '../ormconfig.js';
import { toConfig } from './boot.js';
import { type Env, readEnv } from './config/env.js';
import { parseSecretKeys } from './config/secret-keys.js';
import { SettingError } from './config/settings.js';
import { connectBeside } from './database/connection.js';
import { Database } from './database/database.js';
import {
  DataFolderInUseError,
  EmbeddedPostgres,
  EmbeddedPostgresError,
} from './embedded-postgres/embedded-postgres.js';
import { SealedValues, type Walked, type WalkedTo } from './signing/sealed-values.store.js';
import { SecretBox } from './signing/secret-box.js';

/** Rows of one step. */
const MOST = 500;
/** So often at the most: what a request held for a moment is free the next time, and so is what it stored meanwhile as it had read it. */
const WALKS = 3;

/** What resealing tells while it goes on, and at its end. */
export interface Resealing {
  /** How many values were sealed anew so far. */
  readonly onProgress: (resealed: number) => void;
  readonly onEnd: (resealed: Resealed) => void;
}

/** What came of it: how many values were sealed anew, and what is to become of each key. */
export interface Resealed {
  readonly resealed: number;
  readonly keys: readonly KeyVerdict[];
}

/** Whether a key may go, and how many values it still seals. */
export interface KeyVerdict {
  readonly id: string;
  readonly verdict: 'seals' | 'must-stay' | 'may-go' | 'missing';
  readonly values: number;
  readonly text: string;
}

/**
 * Seals all stored secrets anew with the first secret key, and says which older keys may go. Exit code 0: all of them; 1: not yet. What was sealed anew stays so when it is stopped: the next one goes on with the rest.
 */
export async function reseal({ onProgress, onEnd }: Resealing): Promise<void> {
  let embedded: EmbeddedPostgres | undefined;
  let dataSource: Awaited<ReturnType<typeof connectBeside>> | undefined;
  try {
    const env = readEnv(undefined, 'The environment is wrong; mend it and try again.');
    refuseWithoutDatabase(env);
    const keys = parseSecretKeys(
      toConfig(env, env.DATABASE_URL ?? 'postgres://embedded', env.PORT).secrets.keys,
    );
    if (env.DATABASE_URL === undefined)
      embedded = await EmbeddedPostgres.start({ dataDir: env.RINGBACK_DATA_DIR });
    dataSource = await connectBeside(dataSourceOptions(env.DATABASE_URL ?? embedded!.url, 2));
    const ids = keys.map(({ id }) => id);
    const values = new SealedValues(new Database(dataSource), new SecretBox(keys));
    const { resealed, left } = await walks(values, ids, onProgress);
    onEnd({ resealed, keys: verdicts(ids, left) });
    process.exitCode = left.size === 0 ? 0 : 1;
  } catch (error) {
    const expected =
      error instanceof SettingError ||
      error instanceof DataFolderInUseError ||
      error instanceof EmbeddedPostgresError;
    throw expected
      ? error
      : new Error(`secrets could not be sealed anew: ${String(error)}`, { cause: error });
  } finally {
    await dataSource?.destroy().catch(() => undefined);
    await embedded?.stop();
  }
}

/** A folder in which nothing was ever sealed is none to make a database in. */
function refuseWithoutDatabase({ DATABASE_URL, RINGBACK_DATA_DIR }: Env): void {
  if (DATABASE_URL === undefined && !existsSync(join(RINGBACK_DATA_DIR, 'postgres')))
    throw new SettingError(
      `there is no database in ${RINGBACK_DATA_DIR}: set DATABASE_URL, or RINGBACK_DATA_DIR to the folder of the embedded one`,
    );
}

/** Walks until one has found nothing to do. */
async function walks(
  values: SealedValues,
  ids: readonly string[],
  onProgress: (resealed: number) => void,
): Promise<Omit<Walked, 'next'>> {
  let resealed = 0;
  for (let count = 1; ; count++) {
    const walked = await walk(values, (more) => onProgress(resealed + more));
    resealed += walked.resealed;
    const { left } = walked;
    const isSettled = walked.resealed === 0 && !ids.some((id) => left.has(id));
    if (isSettled || count === WALKS) return { resealed, left };
  }
}

async function walk(
  values: SealedValues,
  onProgress: (resealed: number) => void,
): Promise<Omit<Walked, 'next'>> {
  const left = new Map<string, number>();
  let resealed = 0;
  for (let at: WalkedTo = { source: 0, reached: null }; at !== null;) {
    const walked = await values.walk(at, MOST);
    resealed += walked.resealed;
    onProgress(resealed);
    for (const [id, count] of walked.left) left.set(id, (left.get(id) ?? 0) + count);
    at = walked.next;
  }
  return { resealed, left };
}

/** Of each key, whether it may go. */
export function verdicts(
  [first, ...older]: readonly string[],
  left: ReadonlyMap<string, number>,
): KeyVerdict[] {
  const unknown = [...left.keys()].filter((id) => id !== first && !older.includes(id));
  return [
    { id: first!, verdict: 'seals', values: 0, text: 'seals' },
    ...older.map((id): KeyVerdict => {
      const values = left.get(id) ?? 0;
      return values > 0
        ? {
            ...{ id, values, verdict: 'must-stay' },
            text: `must stay, ${counted(values)} sealed with it: what belongs to an operation that runs waits for its end, and what does not open stays; try again later`,
          }
        : {
            ...{ id, values, verdict: 'may-go' },
            text: 'may go: nothing is sealed with it; take it out of RINGBACK_SECRET_KEYS once no process has it in front',
          };
    }),
    ...unknown.map((id): KeyVerdict => {
      const values = left.get(id)!;
      const text = `is missing, ${counted(values)} sealed with it: add it to RINGBACK_SECRET_KEYS`;
      return { id, values, verdict: 'missing', text };
    }),
  ];
}

function counted(values: number): string {
  return values === 1 ? '1 value is' : `${values} values are`;
}
