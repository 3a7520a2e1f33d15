import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

/** The built `ringback` with a command that runs until it is ended. */
export class RunningCommand implements AsyncDisposable {
  stdout = '';
  stderr = '';

  private constructor(private readonly process: ChildProcess) {
    this.process.stdout!.setEncoding('utf8').on('data', (chunk: string) => (this.stdout += chunk));
    this.process.stderr!.setEncoding('utf8').on('data', (chunk: string) => (this.stderr += chunk));
  }

  /** Starts a command that talks to the service at `url` with `key`. */
  static start(
    given: readonly string[],
    { url, key }: { url: string; key: string },
    environment: Readonly<Record<string, string>> = {},
  ): RunningCommand {
    const child = spawn(process.execPath, ['--enable-source-maps', MAIN, ...given], {
      env: {
        PATH: process.env.PATH,
        HOME: '/nonexistent',
        RINGBACK_URL: url,
        RINGBACK_KEY: key,
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new RunningCommand(child);
  }

  get lines(): string[] {
    return this.stdout.split('\n').slice(0, -1);
  }

  /** Sends a signal; resolves with the exit code, or the signal that ended it. */
  async end(signal: NodeJS.Signals): Promise<number | string> {
    this.process.kill(signal);
    return this.ended();
  }

  async ended(): Promise<number | string> {
    const { process: child } = this;
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
    return child.exitCode ?? child.signalCode!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
  }
}
