import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { CLIENTS, CONFORMANCE, goDriver, PYTHON } from './drivers.js';

type Command = [string, ...string[]];

/** What receives, and what works, in each language. */
const PROGRAMS: Record<string, (what: 'receiver' | 'worker') => Promise<Command>> = {
  TypeScript: (what) => Promise.resolve([process.execPath, join(CONFORMANCE, `drivers/${what}.mjs`)]),
  Python: (what) => Promise.resolve([join(PYTHON!, 'bin/python'), join(CONFORMANCE, `drivers/${what}.py`)]),
  Go: async (what) => [await goDriver(), what === 'receiver' ? 'receive' : 'work'],
};

/** Starts a program of one language, and resolves once it says that it has begun. */
export async function startProgram(
  language: string,
  what: 'receiver' | 'worker',
  task: object,
): Promise<ChildProcess> {
  const [command, ...args] = await PROGRAMS[language]!(what);
  const child = spawn(command, args, {
    env: {
      ...process.env,
      PYTHONPATH: join(CLIENTS, 'python/src'),
      PYTHONDONTWRITEBYTECODE: '1',
      TASK: JSON.stringify(task),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // It says one line; one that ends instead never does.
  await Promise.race([
    once(child.stdout!, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error(`the ${what} in ${language} ended at once`))),
  ]);
  return child;
}

/** Ends it, and gives its exit code; null where a signal ended it. */
export async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ending = once(child, 'exit') as Promise<[number | null]>;
  child.kill(signal);
  return (await ending)[0];
}
