import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

/** The built program on a terminal of its own, which `script` (util-linux) makes; how it leaves that is the end of the output. */
export class Terminal implements AsyncDisposable {
  private constructor(
    private readonly process: ChildProcess,
    readonly output: () => string,
  ) {}

  static run(given: readonly string[], environment: Record<string, string>, cwd?: string): Terminal {
    const quoted = [process.execPath, '--enable-source-maps', MAIN, ...given].map(
      (part) => `'${part.replaceAll("'", `'\\''`)}'`,
    );
    const child = spawn(
      'script',
      ['-qefc', `${quoted.join(' ')}; code=$?; stty -a; exit $code`, '/dev/null'],
      {
        env: { PATH: process.env.PATH, TERM: 'xterm-256color', ...environment },
        ...(cwd === undefined ? {} : { cwd }),
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    let output = '';
    child.stdout!.on('data', (chunk: Buffer) => (output += chunk.toString()));
    return new Terminal(child, () => output);
  }

  /** Presses keys. */
  type(keys: string): void {
    this.process.stdin!.write(keys);
  }

  /** The exit code of the program. */
  async exited(): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, 'close');
    return this.process.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The terminal hangs up, and the program with it.
    this.process.kill('SIGTERM');
    await this.exited();
  }
}
