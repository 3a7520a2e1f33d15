import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { listenHost } from './boot.js';
import type { Env } from './config/env.js';
import { SettingError } from './config/settings.js';

/** A port that this process is to listen on, and the setting that names it. */
export interface WantedPort {
  readonly setting: 'PORT' | 'RINGBACK_GATEWAY_PORT';
  readonly host: string;
  readonly port: number;
}

/** Ports below need a right that few users have. */
const FIRST_FREE_FOR_ALL = 1024;
const LAST_PORT = 65_535;
const MAX_TRIES = 50;

/** The ports that a process of this environment listens on; `port` is that of the main listener. */
export function wantedPorts(env: Env, port: number): WantedPort[] {
  const host = listenHost(env);
  const main: WantedPort = { setting: 'PORT', host, port };
  if (env.RINGBACK_UPSTREAM === undefined || !env.RINGBACK_ROLE.has('gateway')) return [main];
  return [main, { setting: 'RINGBACK_GATEWAY_PORT', host, port: env.RINGBACK_GATEWAY_PORT }];
}

/** Refuses ports that can't be listened on, before anything is made that a failed start would lose. */
export async function checkPorts(wanted: readonly WantedPort[]): Promise<void> {
  const open: Server[] = [];
  try {
    // All at once: two settings may name the same port.
    for (const { host, port } of wanted) open.push(await listen(host, port));
  } catch (error) {
    throw await asPortError(error, wanted, wanted[open.length]);
  } finally {
    await Promise.all(open.map(close));
  }
}

/** What a failure to listen means in words, with the remedy; any other error as it is. */
export async function asPortError(
  error: unknown,
  wanted: readonly WantedPort[],
  failed = wanted.find(({ port }) => port === (error as { port?: unknown } | null)?.port),
): Promise<unknown> {
  const code = (error as { code?: unknown } | null)?.code;
  if (failed === undefined) return error;
  const { setting, host, port } = failed;
  switch (code) {
    case 'EADDRINUSE':
      return new SettingError(`port ${port} is taken: ${await remedy(failed, wanted)}`, {
        settings: [setting],
      });
    case 'EACCES':
      return new SettingError(
        `port ${port} needs a right that this user lacks: ${await remedy(failed, wanted)}`,
        { settings: [setting] },
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new SettingError(
        `HOST ${host} is no address of this machine, for ${setting} ${port}: set HOST=127.0.0.1`,
        { settings: ['HOST'] },
      );
    default:
      return error;
  }
}

/** The setting with a port that is free now. */
async function remedy({ setting, host, port }: WantedPort, wanted: readonly WantedPort[]): Promise<string> {
  let free = port < FIRST_FREE_FOR_ALL ? port + 8_000 : port;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    if (free !== port && !wanted.some((other) => other.port === free) && (await isFree(host, free))) break;
    free = free + 10 > LAST_PORT ? FIRST_FREE_FOR_ALL + 10 : free + 10;
  }
  return `set ${setting}=${free}`;
}

async function isFree(host: string, port: number): Promise<boolean> {
  return (await listenFailure({ host, port })) === null;
}

/** Why a port can't be listened on; null where it can. */
export async function listenFailure({
  host,
  port,
}: Pick<WantedPort, 'host' | 'port'>): Promise<NodeJS.ErrnoException | null> {
  try {
    await close(await listen(host, port));
    return null;
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
}

/** A port that nobody uses. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const probe = await listen(host, 0);
  const address = probe.address();
  await close(probe);
  return typeof address === 'object' && address ? address.port : 0;
}

async function listen(host: string, port: number): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}

function close(server: Server): Promise<unknown> {
  return new Promise((resolve) => server.close(resolve));
}
