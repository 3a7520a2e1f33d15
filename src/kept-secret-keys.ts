import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Env } from './config/env.js';
import { parseSecretKeys } from './config/secret-keys.js';
import { parsable, SettingError } from './config/settings.js';

/** How secret keys are made. */
export const SECRET_KEYS_REMEDY = `set it to the output of: node -p "'k1:'+crypto.randomBytes(32).toString('base64')"`;

/** The keys that seal: given, or beside an embedded database made once and kept in the data folder. */
export function secretKeys(env: Env): string {
  const given = givenSecretKeys(env);
  if (given !== undefined) return given;
  const keys = newSecretKeys();
  mkdirSync(env.RINGBACK_DATA_DIR, { recursive: true });
  writeFileSync(pathOf(env), keys, { mode: 0o600, flag: 'wx' });
  return keys;
}

/** The same of those that are there; undefined where they would be made. */
export function givenSecretKeys(env: Env): string | undefined {
  if (env.RINGBACK_SECRET_KEYS !== undefined) return env.RINGBACK_SECRET_KEYS;
  if (env.DATABASE_URL !== undefined || env.NODE_ENV === 'production')
    throw new SettingError((named) => `${named('RINGBACK_SECRET_KEYS')} is missing; ${SECRET_KEYS_REMEDY}`, {
      settings: ['RINGBACK_SECRET_KEYS'],
    });
  const path = pathOf(env);
  return existsSync(path) ? keysIn(path) : undefined;
}

/** One key that nobody has. */
export function newSecretKeys(): string {
  return `k1:${randomBytes(32).toString('base64')}`;
}

function pathOf({ RINGBACK_DATA_DIR }: Env): string {
  return join(RINGBACK_DATA_DIR, 'secret-keys');
}

function keysIn(path: string): string {
  try {
    return parsable(parseSecretKeys)(readFileSync(path, 'utf8').trim());
  } catch (error) {
    throw error instanceof SettingError ? new SettingError(`${path}: ${error.message}`) : error;
  }
}
