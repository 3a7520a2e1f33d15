import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const CLIENTS = fileURLToPath(new URL('../../clients', import.meta.url));
export const CONFORMANCE = join(CLIENTS, 'conformance');
/** A Python environment with what the client needs: see CONTRIBUTING.md. */
export const PYTHON = process.env.RINGBACK_TEST_CLIENTS;
if (!PYTHON) console.info('Clients in Python and Go are left out: CONTRIBUTING.md says how to run them.');

/** What came of one call. */
export interface DriverOutcome {
  readonly value?: unknown;
  readonly error?: object;
  readonly updates?: object[];
}

/** A program that makes calls with the client of one language, one after the other. */
export class Driver implements AsyncDisposable {
  private readonly lines: AsyncIterator<string>;
  private said = '';

  private constructor(private readonly child: ChildProcess) {
    this.lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    child.stderr!.on('data', (chunk: Buffer) => (this.said += chunk.toString()));
    // Its death is told by the line that doesn't come.
    child.stdin!.on('error', () => undefined);
  }

  static start(command: string, args: string[], env: Record<string, string> = {}): Driver {
    return new Driver(spawn(command, args, { env: { ...process.env, ...env } }));
  }

  async call(call: string, args: object, options: object): Promise<DriverOutcome> {
    this.child.stdin!.write(`${JSON.stringify({ call, args, options })}\n`);
    const line = await this.lines.next();
    if (line.done) throw new Error(`the driver ended: ${this.said}`);
    return JSON.parse(line.value) as DriverOutcome;
  }

  /** The process, to be killed. */
  get pid(): number {
    return this.child.pid!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('close', resolve));
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.stdin!.end();
    await ended;
  }
}

const python = (...args: string[]): (() => Promise<Driver>) => {
  return () =>
    Promise.resolve(
      Driver.start(join(PYTHON!, 'bin/python'), [join(CONFORMANCE, 'drivers/python.py'), ...args], {
        PYTHONPATH: join(CLIENTS, 'python/src'),
        PYTHONDONTWRITEBYTECODE: '1',
      }),
    );
};

let built: Promise<string> | undefined;
/** Builds the Go driver, once for all tests of a file. */
export function goDriver(): Promise<string> {
  built ??= (async () => {
    const into = join(CONFORMANCE, '../../dist/clients-go-driver');
    await promisify(execFile)('go', ['build', '-o', into, '.'], {
      cwd: join(CONFORMANCE, 'drivers/go'),
    });
    return into;
  })();
  return built;
}

/** The languages, and whether what they need is there. */
export const LANGUAGES: { name: string; there: boolean; start: () => Promise<Driver> }[] = [
  {
    name: 'TypeScript',
    there: true,
    start: () =>
      Promise.resolve(Driver.start(process.execPath, [join(CONFORMANCE, 'drivers/typescript.mjs')])),
  },
  { name: 'Python', there: existsSync(`${PYTHON}/bin/python`), start: python() },
  { name: 'Python with asyncio', there: existsSync(`${PYTHON}/bin/python`), start: python('async') },
  {
    name: 'Go',
    there: PYTHON !== undefined,
    start: async () => Driver.start(await goDriver(), []),
  },
];
