import { toConfig } from '../boot.js';
import type { RingbackConfig } from '../config/config.js';
import { type Env, objectStoreVariables, readEnv, SETTINGS } from '../config/env.js';
import { SettingError } from '../config/settings.js';

/** Settings that a host has its own means for. */
const OF_THE_SERVICE = ['RINGBACK_HANDLERS', 'RINGBACK_LOG_LEVEL', 'RINGBACK_DRAIN_S'] as const;

type Setting = Exclude<
  Extract<keyof Env, `RINGBACK_${string}` | 'DATABASE_URL' | 'REDIS_URL'>,
  (typeof OF_THE_SERVICE)[number]
>;

type Camel<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<Camel<Tail>>}`
  : Lowercase<Name>;

type OptionName<Name extends string> = Name extends `RINGBACK_${infer Rest}` ? Camel<Rest> : Camel<Name>;

/** What an option may be given as, by what the setting is read as. */
type Given<Value> = Value extends boolean
  ? boolean
  : Value extends number
    ? number
    : Value extends ReadonlySet<infer Member>
      ? Member | 'all' | readonly Member[]
      : Value extends readonly string[]
        ? string | readonly string[]
        : string;

type Settings = { readonly [Name in Setting as OptionName<Name>]?: Given<Exclude<Env[Name], undefined>> };

/**
 * How Ringback runs inside another application. Every `RINGBACK_…` variable of docs/configuration.md is an option, in
 * camelCase and without the prefix (`RINGBACK_LEASE_S` is `leaseS`), and so are `databaseUrl` and `redisUrl`. The
 * environment itself is not read, but for the AWS_… variables where `filesUrl` is `s3:`.
 */
export type RingbackOptions = Settings & {
  /**
   * PostgreSQL 14 or newer. May be the host's own database, in a schema of its own (`?options=-csearch_path%3Dringback`,
   * once it has been made): tables called `account`, `operation`, `delivery` or `migrations` would collide with the host's.
   */
  readonly databaseUrl: string;
  /** Keys that encrypt at rest, `id:base64(32 bytes),…`; the first one encrypts. */
  readonly secretKeys: string;
  /**
   * Path under which the host's Fastify serves the faces: `/ringback` makes `/ringback/v1/operations`. Without it,
   * nothing is served, and links in answers and callbacks lead nowhere. Needs `publicUrl`, which ends with this path, and
   * `apiKey`.
   */
  readonly mount?: string;
  /** Serves the console too, under `mount`: `/ringback/console`. False by default. */
  readonly console?: boolean;
};

/** The options, checked by the code that checks the environment. */
export function readOptions(options: RingbackOptions): { config: RingbackConfig; mount: string | null } {
  try {
    const { mount = null, ...settings } = { console: false, ...options };
    const env = readEnv(
      { ...objectStoreVariables(), ...toEnvironment(settings) },
      'The options of RingbackModule are wrong',
    );
    require(env, 'DATABASE_URL', 'name a PostgreSQL 14 or newer');
    if (mount !== null) checkMount(mount, env);
    else if (env.RINGBACK_CONSOLE) throw withoutMount();
    const config = toConfig(env, env.DATABASE_URL!, env.PORT);
    // Nobody would see a key that is made in silence.
    const accounts = { ...config.accounts, firstKey: config.accounts.firstKey ?? null };
    const roles = new Set([...config.process.roles].filter((role) => role !== 'api' || mount !== null));
    // Whether this is development, only the host knows.
    const console = { ...config.console, inbox: false };
    return { config: { ...config, accounts, console, process: { ...config.process, roles } }, mount };
  } catch (error) {
    throw error instanceof SettingError ? error.as(optionOf) : error;
  }
}

function checkMount(mount: string, env: Env): void {
  if (!/^(\/[\w.~-]+)+$/.test(mount))
    throw new SettingError(`mount "${mount}" must be a path such as /ringback, without a slash at its end`);
  require(env, 'RINGBACK_PUBLIC_URL', `name the address where callers reach ${mount}, that path included`);
  const publicUrl = env.RINGBACK_PUBLIC_URL!;
  if (!new URL(publicUrl).pathname.replace(/\/+$/, '').endsWith(mount))
    throw new SettingError(
      `publicUrl "${publicUrl}" must end with mount, "${mount}": links in answers and callbacks begin with it`,
      { settings: ['RINGBACK_PUBLIC_URL'] },
    );
  require(env, 'RINGBACK_API_KEY', 'callers of the mounted routes need a key: rb_ and at least 24 characters');
}

function withoutMount(): SettingError {
  return new SettingError(
    (named) => `${named('RINGBACK_CONSOLE')} needs mount: name the path that it is under`,
    {
      settings: ['RINGBACK_CONSOLE'],
    },
  );
}

function require(env: Env, name: keyof Env, remedy: string): void {
  if (env[name] === undefined)
    throw new SettingError((named) => `${named(name)} is missing: ${remedy}`, { settings: [name] });
}

function toEnvironment(options: object): Record<string, string | undefined> {
  const names = new Map(settingNames().map((name) => [optionOf(name), name]));
  const environment: Record<string, string | undefined> = {};
  for (const [option, value] of Object.entries(options)) {
    const name = names.get(option);
    if (name === undefined)
      throw new SettingError(`"${option}" is no option of RingbackModule: docs/embedding.md has them`);
    environment[name] =
      value === undefined ? undefined : String(value as string | number | readonly string[]);
  }
  return environment;
}

function settingNames(): string[] {
  const others: readonly string[] = OF_THE_SERVICE;
  return Object.keys(SETTINGS).filter(
    (name) => (name.startsWith('RINGBACK_') || /^(DATABASE|REDIS)_URL$/.test(name)) && !others.includes(name),
  );
}

/** `RINGBACK_LEASE_S` → `leaseS` */
function optionOf(name: string): string {
  return name
    .replace(/^RINGBACK_/, '')
    .toLowerCase()
    .replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}
