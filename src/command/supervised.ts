import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FSWatcher, watch } from 'node:fs';
import { constants } from 'node:os';
import { dirname, extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
/** What handlers are made of. */
const CODE = new Set(['.js', '.mjs', '.cjs', '.json']);
/** Compilers write many files: after the last of them. */
const SETTLED_MS = 200;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The service of `ringback dev` as a process, which is started again when the handlers' folders change. */
export class Supervised {
  private child: ChildProcess | undefined;
  private changed = false;
  private signaled = false;
  private timer: NodeJS.Timeout | undefined;
  private wake: (() => void) | undefined;

  private constructor(private readonly env: NodeJS.ProcessEnv) {}

  /** Runs until the service ends by itself or is told to; answers the exit code. */
  static async run(env: NodeJS.ProcessEnv, handlers: readonly string[]): Promise<number> {
    const supervised = new Supervised(env);
    const folders = new Set(handlers.map((path) => dirname(resolve(path))));
    const watchers = [...folders].map((folder) => supervised.watch(folder));
    for (const signal of SIGNALS) process.on(signal, () => supervised.pass(signal));
    try {
      return await supervised.untilEnd(watchers.length > 0);
    } finally {
      for (const watcher of watchers) watcher.close();
    }
  }

  private async untilEnd(watches: boolean): Promise<number> {
    for (let isFirst = true; ; isFirst = false) {
      this.changed = false;
      const code = await this.once();
      if (this.signaled || (!this.changed && (code === 0 || isFirst || !watches))) return code;
      if (!this.changed) {
        // Handlers that can't be loaded are mended in the next moment.
        process.stderr.write('It ended. It starts again when the handlers change; Ctrl-C ends it.\n');
        await new Promise<void>((go) => (this.wake = go));
        if (this.signaled) return code;
      }
    }
  }

  private async once(): Promise<number> {
    // Not that of this process: with a debugger's port in it, both would want the same.
    this.child = spawn(process.execPath, ['--enable-source-maps', MAIN, 'dev', '--supervised'], {
      env: this.env,
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    });
    const [code, signal] = (await once(this.child, 'exit')) as [number | null, NodeJS.Signals | null];
    this.child = undefined;
    return code ?? 128 + constants.signals[signal!];
  }

  private watch(folder: string): FSWatcher {
    return watch(folder, (_, name) => {
      if (name === null || !CODE.has(extname(name))) return;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.startAgain(), SETTLED_MS);
    });
  }

  private startAgain(): void {
    if (this.changed) return;
    this.changed = true;
    process.stdout.write('The handlers have changed: starting again.\n');
    this.child?.kill('SIGTERM');
    this.wake?.();
  }

  /** The service ends by it, and then this process. */
  private pass(signal: NodeJS.Signals): void {
    this.signaled = true;
    this.child?.kill(signal);
    this.wake?.();
  }
}
