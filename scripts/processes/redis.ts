import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Leftovers } from './leftovers.js';

/** The redis-server of this machine; null where none is on PATH. */
export function findRedisServer(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, 'redis-server')).find((path) => existsSync(path)) ?? null;
}

/** Starts a Redis that persists nothing and evicts nothing; it goes with the leftovers. */
export async function spawnRedis(binary: string, port: number, leftovers: Leftovers): Promise<ChildProcess> {
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
  return child;
}
