import { checkDirectUrl, checkProduction, toConfig } from '../boot.js';
import type { RingbackConfig } from '../config/config.js';
import { doubtfulVariables, type Env, readAsFarAsPossible } from '../config/env.js';
import { SettingError } from '../config/settings.js';
import { givenSecretKeys, newSecretKeys } from '../kept-secret-keys.js';
import { counted, type Finding, green, red, yellow } from './finding.js';

/** The settings as far as they can be read, and what is wrong with the others. */
export interface ReadSettings {
  readonly env: Env;
  readonly config: RingbackConfig;
  /** False where DATABASE_URL is wrong, or missing in production: then no database is meant. */
  readonly hasDatabase: boolean;
  readonly hasSecretKeys: boolean;
  readonly findings: readonly Finding[];
}

/** Reads the environment as a start would, tells all that is wrong at once, and makes nothing. */
export function readSettings(source: Record<string, string | undefined>): ReadSettings {
  const { env, wrong } = readAsFarAsPossible(source);
  const names = new Set(wrong.map(({ name }) => name));
  const findings = wrong.map(({ name, error }) => red(`${name}: ${error.message}`));
  const refused = (step: () => unknown): void => {
    const error = settingError(step);
    if (error)
      findings.push(
        ...linesOf(error)
          .filter((text) => !names.has(/^\w+/.exec(text)?.[0] ?? ''))
          .map(red),
      );
    for (const name of error?.settings ?? []) names.add(name);
  };
  refused(() => checkProduction(env));
  refused(() => checkDirectUrl(env));
  let keys: string | undefined;
  refused(() => (keys = givenSecretKeys(env)));
  const complete: Env = { ...env, RINGBACK_SECRET_KEYS: keys ?? newSecretKeys() };
  const toConfigOf = (given: Env): RingbackConfig =>
    toConfig(given, given.DATABASE_URL ?? 'postgres://embedded', given.PORT);
  refused(() => toConfigOf(complete));
  findings.push(...doubtfulVariables(source).map(yellow));
  const given = Object.keys(source).filter((name) => /^RINGBACK_|^(DATABASE|REDIS)_URL$/.test(name)).length;
  return {
    env,
    // What a lease is too short for is told above.
    config: toConfigOf({
      ...complete,
      RINGBACK_LEASE_S: Math.max(env.RINGBACK_LEASE_S, env.RINGBACK_CALLBACK_TIMEOUT_S + 5),
    }),
    hasDatabase: !names.has('DATABASE_URL'),
    hasSecretKeys: keys !== undefined && !names.has('RINGBACK_SECRET_KEYS'),
    findings:
      findings.length > 0
        ? findings
        : [
            green(
              given === 0
                ? 'none is set: all are defaults'
                : `can be read: ${counted(given, 'is set', 'are set')}`,
            ),
          ],
  };
}

function settingError(step: () => unknown): SettingError | null {
  try {
    step();
    return null;
  } catch (error) {
    if (error instanceof SettingError) return error;
    throw error;
  }
}

/** A message of several has each on a line of its own, under a heading. */
function linesOf({ message }: SettingError): string[] {
  const lines = message.split('\n').map((line) => line.trim());
  return lines.length > 1 ? lines.slice(1) : lines;
}
