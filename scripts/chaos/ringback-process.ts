import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { join } from 'node:path';
import { type Build, TODAY } from '../processes/build.js';
import { hasEnded, type Leftovers } from '../processes/leftovers.js';
import type { Door } from './door.js';
import type { ProcessFact } from './facts.js';
import type { ProcessName } from './schedule.js';

/** After SIGTERM: the grace time, 5 s, and some for a machine that has other things to do. */
const END_MS = 20_000;
const AGAIN_MS = 500;
const KEPT_TEXT = 600;

/** Where one process is reached, and by which doors it reaches what it needs. */
export interface Place {
  readonly port: number;
  readonly gatewayPort: number;
  readonly postgres: Door;
  readonly redis: Door | null;
}

/** One Ringback process, which is started again whenever it has ended, as an orchestrator does. */
export class RingbackProcess {
  /** What it is started from next. */
  build: Build = TODAY;
  private child: ChildProcess | undefined;
  private wanted = false;
  private abandoned = false;
  private wasReady = false;
  private said = '';
  private readonly log: WriteStream;

  constructor(
    readonly name: ProcessName,
    readonly place: Place,
    private readonly env: () => Record<string, string>,
    private readonly leftovers: Leftovers,
    /** What it did that nothing excuses. */
    private readonly faults: ProcessFact[],
    logPath: string,
  ) {
    this.log = createWriteStream(logPath, { flags: 'a' });
  }

  get url(): string {
    return `http://127.0.0.1:${this.place.port}`;
  }

  get gatewayUrl(): string {
    return `http://127.0.0.1:${this.place.gatewayPort}`;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  start(): void {
    if (this.abandoned) return;
    this.wanted = true;
    this.wasReady = false;
    this.said = '';
    const main = join(this.build.folder, 'dist/src/main.js');
    const child = this.leftovers.spawn(process.execPath, ['--enable-source-maps', main], {
      env: { PATH: process.env['PATH'], ...this.env() },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    for (const output of [child.stdout!, child.stderr!])
      output.on('data', (chunk: Buffer) => {
        this.log.write(chunk);
        this.said = (this.said + chunk.toString()).slice(-KEPT_TEXT);
      });
    // Closed, not only exited: then all that it said has been read.
    child.once('close', (code, signal) => void this.ended(child, signal ?? code));
    void this.watch(child);
  }

  /** SIGKILL; it isn't started again by itself. Answers the process id that it had. */
  async kill(): Promise<number> {
    const { pid } = this;
    this.wanted = false;
    await this.signalToEnd('SIGKILL');
    return pid;
  }

  /** SIGTERM; a process that was ready ends soon, and without an error. */
  async terminate(): Promise<void> {
    const { wasReady, child } = this;
    this.wanted = false;
    const late = setTimeout(() => {
      this.note('did not end in time', `SIGTERM came ${END_MS / 1000} s ago`);
      child?.kill('SIGKILL');
    }, END_MS);
    await this.signalToEnd('SIGTERM');
    clearTimeout(late);
    if (wasReady && child?.exitCode && child.exitCode > 0)
      this.note('ended with an error', `exit code ${child.exitCode} after SIGTERM: ${this.said}`);
  }

  /** It isn't started again, whatever ends it. */
  abandon(): void {
    this.abandoned = true;
    this.wanted = false;
  }

  freeze(): void {
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }

  isReady(): Promise<boolean> {
    return fetch(`${this.url}/health/ready`, { signal: AbortSignal.timeout(2_000) }).then(
      (answer) => answer.ok,
      () => false,
    );
  }

  /** Resolves with whether it was ready within the time. */
  async readyWithin(ms: number): Promise<boolean> {
    for (const deadline = Date.now() + ms; this.wanted && Date.now() < deadline; await pause(100))
      if (await this.isReady()) return true;
    return false;
  }

  note(what: ProcessFact['what'], detail: string): void {
    this.faults.push({ process: this.name, what, detail });
  }

  private async signalToEnd(signal: NodeJS.Signals): Promise<void> {
    const child = this.child;
    if (!child || hasEnded(child)) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }

  private async ended(child: ChildProcess, how: string | number | null): Promise<void> {
    if (!this.wanted || this.child !== child) return;
    // One that never was ready may give up while PostgreSQL is away; whoever runs it starts it again.
    if (this.wasReady) this.note('ended by itself', `${how}: ${this.said}`);
    await pause(AGAIN_MS);
    if (this.wanted && this.child === child) this.start();
  }

  private async watch(child: ChildProcess): Promise<void> {
    while (this.child === child && !hasEnded(child)) {
      if (await this.isReady()) {
        if (this.child === child) this.wasReady = true;
        return;
      }
      await pause(200);
    }
  }
}
