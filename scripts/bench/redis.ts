import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { BenchOptions } from './options.js';
import { freePort, type Leftovers } from './processes.js';

/** The Redis that a run is to use: the one that was named, or one of its own; undefined where it needs or finds none. */
export async function redisFor(
  { backend, redisUrl }: BenchOptions,
  leftovers: Leftovers,
): Promise<string | undefined> {
  if (backend === 'postgresql') return undefined;
  if (redisUrl !== undefined) return redisUrl;
  const binary = findRedisServer();
  if (binary !== null) return startRedis(binary, leftovers);
  if (backend === undefined) return undefined;
  throw new Error(
    `--backend ${backend} needs a Redis: put redis-server on PATH, or give --redis redis://host:6379`,
  );
}

/** The redis-server of this machine; null where none is on PATH. */
function findRedisServer(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, 'redis-server')).find((path) => existsSync(path)) ?? null;
}

/** Starts a Redis that persists nothing and evicts nothing; it goes with the leftovers. */
async function startRedis(binary: string, leftovers: Leftovers): Promise<string> {
  const port = await freePort();
  const folder = await leftovers.folder('redis');
  const settings = {
    port,
    bind: '127.0.0.1',
    dir: folder,
    save: '',
    appendonly: 'no',
    'maxmemory-policy': 'noeviction',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = leftovers.spawn(binary, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${binary} did not start`);
  });
  ended.catch(() => undefined);
  const ready = new Promise<void>((resolve) => {
    let output = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('Ready to accept connections')) resolve();
    });
  });
  await Promise.race([ready, ended]);
  return `redis://127.0.0.1:${port}`;
}
