import { type ChildProcess, fork, type ForkOptions, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TERM_MS = 15_000;

/** Everything a bench run has started or made, so that all of it is gone at its end, whatever the end. */
export class Leftovers {
  private readonly children = new Set<ChildProcess>();
  private readonly folders = new Set<string>();
  /** Children whose own children are to end with them. */
  private readonly groups = new Set<ChildProcess>();
  private ending = false;
  /** Processes that others start for us and that would outlive a killed parent. */
  readonly orphans = new Set<number>();

  spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    if (this.ending) throw new Error(`${command} was not started: the bench is ending`);
    return this.keep(spawn(command, args, options));
  }

  /** Starts a module of this folder as a process that answers what it is asked. */
  fork(module: string, options: ForkOptions = {}): ChildProcess {
    const path = fileURLToPath(new URL(module, import.meta.url));
    return this.keep(fork(path, { serialization: 'advanced', ...options }));
  }

  /** Runs a command to its end in a process group of its own; throws with what it printed unless it ends well. */
  async run(command: string, args: readonly string[], cwd: string): Promise<void> {
    // Settings that npm hands to its scripts aren't meant for another checkout; production would leave out what builds.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_ENV$|INIT_CWD$)/i.test(name)),
    );
    const child = this.spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.groups.add(child);
    let output = '';
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    this.groups.delete(child);
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${output.slice(-10_000)}`);
  }

  async folder(name: string): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), `ringback-bench-${name}-`));
    this.folders.add(path);
    return path;
  }

  /** Ends a process the orderly way, and by force when it takes too long. */
  async stop(child: ChildProcess): Promise<void> {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    this.signal(child, 'SIGTERM');
    const force = setTimeout(() => this.signal(child, 'SIGKILL'), TERM_MS);
    await ended;
    clearTimeout(force);
    this.children.delete(child);
  }

  /** Ends and removes everything; nothing can be started after it. */
  async stopAll(): Promise<void> {
    this.ending = true;
    await Promise.all([...this.children].map((child) => this.stop(child)));
    this.killOrphans();
    for (const folder of this.folders) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    this.folders.clear();
  }

  /** For the `exit` event, where nothing can be awaited any more. */
  dropAll(): void {
    for (const child of this.children) this.signal(child, 'SIGKILL');
    this.killOrphans();
    for (const folder of this.folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }

  private signal(child: ChildProcess, signal: NodeJS.Signals): void {
    if (!this.groups.has(child) || process.platform === 'win32') child.kill(signal);
    else {
      try {
        process.kill(-child.pid!, signal);
      } catch {
        // It has ended meanwhile.
      }
    }
  }

  private keep(child: ChildProcess): ChildProcess {
    this.children.add(child);
    child.once('exit', () => this.children.delete(child));
    return child;
  }

  private killOrphans(): void {
    for (const pid of this.orphans) {
      try {
        // SIGQUIT: PostgreSQL's immediate stop.
        process.kill(pid, 'SIGQUIT');
      } catch {
        // Gone already, as it should be.
      }
    }
    this.orphans.clear();
  }
}

/** Asks a forked process something and resolves with its answer; one question at a time. */
export function ask<Answer>(child: ChildProcess, question: object, withinMs: number): Promise<Answer> {
  const answered = askOnce<Answer>(child, question, withinMs);
  // Of two questions under way, the first that fails ends the run; the other's fault must not end the process before it has tidied up.
  answered.catch(() => undefined);
  return answered;
}

async function askOnce<Answer>(child: ChildProcess, question: object, withinMs: number): Promise<Answer> {
  const about = JSON.stringify(question).slice(0, 100);
  const over = new AbortController();
  const late = setTimeout(
    () => over.abort(new Error(`no answer within ${withinMs / 1000} s to ${about}`)),
    withinMs,
  );
  const { signal } = over;
  try {
    const ended = once(child, 'exit', { signal }).then(() => {
      throw new Error(`a process of the bench ended while it was asked ${about}`);
    });
    const answered = once(child, 'message', { signal });
    child.send(question);
    const [answer] = (await Promise.race([answered, ended])) as [Answer];
    return answer;
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    clearTimeout(late);
    over.abort();
  }
}

/** Answers what the parent asks, one question after another; ends with the parent. */
export function answer<Question>(reply: (question: Question) => Promise<unknown>): void {
  process.on('message', (question: Question) => {
    reply(question).then(
      (answered) => process.send!(answered),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.on('disconnect', () => process.exit());
  // Ctrl-C reaches the whole group; the parent decides.
  process.on('SIGINT', () => undefined);
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
