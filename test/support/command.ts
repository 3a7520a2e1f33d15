import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

/** How a command ended, and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Nobody reads what it prints. */
  readonly closesStdout?: boolean;
}

/** Runs the built `ringback` with these arguments, in an environment without settings. */
export async function ringback(
  given: readonly string[],
  { cwd, env, stdin, closesStdout }: RunOptions = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...given], {
    ...(cwd === undefined ? {} : { cwd }),
    env: { PATH: process.env.PATH, HOME: '/nonexistent', PORT: '0', ...env },
    timeout: 20_000,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  if (closesStdout) child.stdout.destroy();
  child.stdin.end(stdin);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** Starts it, to be killed; nobody reads what it says. */
export function start(given: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  return spawn(process.execPath, [MAIN, ...given], {
    env: { PATH: process.env.PATH, HOME: '/nonexistent', ...env },
    stdio: 'ignore',
  });
}

/** Runs `ringback` against one service, with its URL and key in the environment. */
export function commandOf(url: string, key: string) {
  const run = (given: readonly string[], options: RunOptions = {}): Promise<Ended> =>
    ringback(given, { ...options, env: { RINGBACK_URL: url, RINGBACK_KEY: key, ...options.env } });
  /** What it printed as JSON; it must have ended well, unless another code is told. */
  const json = async (given: readonly string[], code = 0): Promise<any> => {
    const ended = await run([...given, '--json']);
    if (ended.code !== code) throw new Error(`exit code ${ended.code}: ${ended.stderr}`);
    return JSON.parse(ended.stdout);
  };
  return { run, json };
}
