import { COMMAND_VARIABLES } from './command-env.js';
import { SLICES } from './config.js';
import { type Setting, SettingError } from './settings.js';
import { meantBy } from './meant.js';
import type { Declared, Fields, Values } from './slice.js';

type Slices = (typeof SLICES)[keyof typeof SLICES];
type SettingOf<S> = S extends { fields: infer F extends Fields; asked: infer A extends Fields }
  ? F[keyof F] | A[keyof A]
  : never;
/** Any of the settings that the slices declare. */
type AnySetting = SettingOf<Slices>;

/** The environment, read and typed, by the names of its variables. */
export type Env = { readonly [S in AnySetting as S['name']]: ReturnType<S['read']> };

/** Every environment variable that Ringback reads. docs/configuration.md and .env.example are generated from these. */
export const SETTINGS = Object.fromEntries(
  Object.values<Declared<Fields, Fields>>(SLICES)
    .flatMap(({ fields, asked }) => [...Object.values(asked), ...Object.values(fields)])
    .map((setting) => [setting.name, setting]),
) as Readonly<Record<keyof Env, Setting<unknown>>>;

/** The fields of a slice that are settings as they were read. */
export function valuesOf<F extends Fields>({ fields }: { readonly fields: F }, env: Env): Values<F> {
  const values = Object.entries(fields).map(([field, { name }]) => [field, env[name as keyof Env]]);
  return Object.fromEntries(values) as Values<F>;
}

/** A setting that cannot be read, and why. */
export interface WrongSetting {
  readonly name: string;
  readonly error: SettingError;
}

/**
 * Reads the environment, or throws one `SettingError` that lists every variable that is wrong.
 * An empty variable counts as unset, but where empty is a value of its own.
 */
export function readEnv(
  source: Record<string, string | undefined> = process.env,
  complaint = 'The environment is wrong; mend it and start again.',
): Env {
  const { env, wrong } = readAsFarAsPossible(source);
  if (wrong.length > 0)
    throw new SettingError(
      (named) =>
        [complaint, ...wrong.map(({ name, error }) => `${named(name)}: ${error.inWords(named)}`)].join(
          '\n  ',
        ),
      { settings: wrong.map(({ name }) => name) },
    );
  return env;
}

/** The same where what is wrong must not hide the rest: such a setting has its default. */
export function readAsFarAsPossible(source: Record<string, string | undefined> = process.env): {
  readonly env: Env;
  readonly wrong: readonly WrongSetting[];
} {
  const wrong: WrongSetting[] = [];
  const env: Record<string, unknown> = {};
  for (const { name, fallback, emptyIsGiven, read } of Object.values<Setting<unknown>>(SETTINGS)) {
    const given = source[name];
    const value = given === undefined || (given === '' && !emptyIsGiven) ? fallback : given;
    try {
      env[name] = value === undefined ? undefined : read(value);
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      wrong.push({ name, error });
      env[name] = fallback === undefined ? undefined : read(fallback);
    }
  }
  return { env: env as unknown as Env, wrong };
}

/** The environment's variables of the object store, for those who read no other: its SDK takes credentials from there anyway. */
export function objectStoreVariables(
  source: Record<string, string | undefined> = process.env,
): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.keys(SETTINGS)
      .filter((name) => name.startsWith('AWS_'))
      .map((name) => [name, source[name]]),
  );
}

/** What NODE_ENV may be without a word. */
const ENVIRONMENTS = ['production', 'development', 'test', '', undefined];

/** In sentences, what is given and may be meant otherwise than it is taken: typing errors that would pass in silence. */
export function doubtfulVariables(source: Record<string, string | undefined> = process.env): string[] {
  const known = Object.keys({ ...SETTINGS, ...COMMAND_VARIABLES });
  const unknown = Object.keys(source).filter((name) => name.startsWith('RINGBACK_') && !known.includes(name));
  const doubts = unknown.map((name) => {
    const meant = meantBy(name, Object.keys(SETTINGS));
    const remedy =
      meant === undefined ? 'check its spelling in docs/configuration.md' : `${meant} is the nearest one`;
    return `${name} is no setting of Ringback's: ${remedy}`;
  });
  const { NODE_ENV } = source;
  if (!ENVIRONMENTS.includes(NODE_ENV))
    doubts.push(
      `NODE_ENV "${NODE_ENV}" counts as development: set it to production where it is that, else to development or test`,
    );
  return doubts;
}

/** DATABASE_URL as it stands, for the migration command, which needs nothing else. */
export function givenDatabaseUrl(): string {
  return process.env.DATABASE_URL ?? 'postgres://localhost/ringback';
}
