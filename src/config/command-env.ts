import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** What the environment tells the commands that talk to a service; apart from the service's settings, which take long to read. */
export interface CommandEnv {
  readonly url: string | undefined;
  readonly key: string | undefined;
  readonly profile: string | undefined;
  /** Of a service that may run on this machine. */
  readonly dataDir: string;
  /** RINGBACK_API_KEY, where a service has the same environment. */
  readonly serviceKey: string | undefined;
  readonly configHome: string;
}

/** Variables of the commands, and what they are for. */
export const COMMAND_VARIABLES = {
  RINGBACK_URL: 'Where the service is that a command talks to.',
  RINGBACK_KEY: 'The API key that a command uses.',
  RINGBACK_PROFILE: 'The profile of `ringback login` that a command uses where neither is given.',
} as const;

/** Reads the environment; an empty variable counts as unset. */
export function commandEnv(source: Record<string, string | undefined> = process.env): CommandEnv {
  const given = (name: string): string | undefined => source[name] || undefined;

  return {
    url: given('RINGBACK_URL'),
    key: given('RINGBACK_KEY'),
    profile: given('RINGBACK_PROFILE'),
    dataDir: resolve(given('RINGBACK_DATA_DIR') ?? '.ringback'),
    serviceKey: given('RINGBACK_API_KEY'),
    configHome: given('XDG_CONFIG_HOME') ?? join(homedir(), '.config'),
  };
}

/** What `ringback dev` gives the service that it starts. */
export interface DevEnv {
  readonly env: NodeJS.ProcessEnv;
  readonly handlers: readonly string[];
  readonly isProduction: boolean;
}

/** The environment with other handlers where some are given; callbacks reach this machine unless it says what they may reach. */
export function devEnv(handlers: readonly string[], source: NodeJS.ProcessEnv = process.env): DevEnv {
  const named = handlers.length > 0 ? handlers.join(',') : (source['RINGBACK_HANDLERS'] ?? '');
  return {
    env: { RINGBACK_ALLOWED_PRIVATE: '127.0.0.0/8,::1/128', ...source, RINGBACK_HANDLERS: named },
    handlers: named.split(',').filter((path) => path.trim() !== ''),
    isProduction: source['NODE_ENV'] === 'production',
  };
}

/** The whole environment, for what reads the service's settings by itself. */
export function environment(): Record<string, string | undefined> {
  return process.env;
}
