import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { RingbackClient } from '../client/index.js';
import { Transport } from '../client/transport.js';
import { type CommandEnv, commandEnv } from '../config/command-env.js';
import { CommandError, UsageError } from './ending.js';
import { type Profile, readProfiles } from './profiles.js';

/** What every command takes that talks to a service. */
export interface ConnectOptions {
  readonly url?: string;
  readonly key?: string;
  readonly profile?: string;
  readonly json?: boolean;
}

/** A service that a command talks to. */
export interface Connection {
  readonly url: string;
  /** Null where none was found; the service then answers 401. */
  readonly key: string | null;
  readonly client: RingbackClient;
  /** For routes that the client has no method of. */
  readonly api: Transport;
}

/** Adds the options by which a service is found, and `--json`. */
export function connected(command: Command): Command {
  return jsonOption(command)
    .option('--url <url>', 'where the service is (RINGBACK_URL)')
    .option('--key <key>', 'the API key; in RINGBACK_KEY, other users of this machine do not see it')
    .option('--profile <name>', 'what "ringback login" has stored by this name (RINGBACK_PROFILE)');
}

/** Adds `--json`. */
export function jsonOption(command: Command): Command {
  return command.option('--json', 'prints JSON');
}

/** Adds the account that keys with the scope `admin` may name. */
export function accountOption(command: Command): Command {
  return command.option('--account <id>', 'of another account, or * for all; for keys with the scope admin');
}

/** A command is answered soon, whatever is; long waits repeat by themselves. */
const TRIES = 3;

/** The service that the options, the environment, a profile or the data folder name, in this order; reaches out to nothing. */
export function connect(options: ConnectOptions): Connection {
  const { url, key } = placeOf(options);
  const clientOptions = { url, apiKey: key, tries: TRIES };
  try {
    return { url, key, client: new RingbackClient(clientOptions), api: new Transport(clientOptions) };
  } catch (error) {
    throw error instanceof TypeError ? new UsageError(error.message) : error;
  }
}

interface Place {
  readonly url: string;
  readonly key: string | null;
}

/** A stored key is sent to the address alone that it is stored with. */
function placeOf(options: ConnectOptions): Place {
  const env = commandEnv();
  // A profile that is asked for is taken whole, whatever the environment has.
  const key = options.key ?? (options.profile === undefined ? env.key : undefined);
  const named = options.profile ?? env.profile;
  const stored = [...storedIn(named), ...(named === undefined ? localPlaces(env) : [])];
  const url = options.url ?? (options.profile === undefined ? env.url : undefined);
  if (url === undefined) {
    const [first] = stored;
    if (!first) throw new UsageError(NOWHERE);
    return { url: first.url, key: key ?? first.key };
  }
  return { url, key: key ?? stored.find((place) => sameAddress(place.url, url))?.key ?? null };
}

const NOWHERE =
  'no service is known here: give --url and --key, set RINGBACK_URL and RINGBACK_KEY, store both with "ringback login", or work in the folder where the service runs';

function storedIn(named: string | undefined): Place[] {
  const { current, profiles } = readProfiles();
  const name = named ?? current;
  const profile: Profile | undefined = name === undefined ? undefined : profiles[name];
  if (named !== undefined && !profile) {
    const known = Object.keys(profiles);
    throw new UsageError(
      `there is no profile ${JSON.stringify(named)}: ${known.length === 0 ? 'make one with "ringback login"' : `take one of ${known.join(', ')}`}`,
    );
  }
  return profile ? [{ url: profile.url, key: profile.key }] : [];
}

/** Where the service of a data folder on this machine listens, such as in the same container; undefined where none runs. */
export function localUrl({ dataDir }: CommandEnv): string | undefined {
  const url = textOf(join(dataDir, 'address'));
  return url !== null && isOfThisMachine(url) ? url : undefined;
}

function localPlaces(env: CommandEnv): Place[] {
  const { dataDir, serviceKey } = env;
  const url = localUrl(env);
  return url === undefined ? [] : [{ url, key: textOf(join(dataDir, 'first-key')) ?? serviceKey ?? null }];
}

/** A folder may be anybody's: what it says must lead nowhere else. */
function isOfThisMachine(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  const addresses = Object.values(networkInterfaces()).flatMap((all) =>
    (all ?? []).map(({ address }) => address),
  );
  const isLoopback = isIP(host) === 4 && host.startsWith('127.');
  return isLoopback || ['localhost', '::1', hostname().toLowerCase(), ...addresses].includes(host);
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return null;
    throw new CommandError(`${path} cannot be read (${code})`);
  }
}

function sameAddress(one: string, other: string): boolean {
  return one.replace(/\/+$/, '') === other.replace(/\/+$/, '');
}
