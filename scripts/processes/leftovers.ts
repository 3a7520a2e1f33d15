import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const TERM_MS = 15_000;

/** Everything a run of a script has started or made, so that all of it is gone at its end, whatever the end. */
export class Leftovers {
  private readonly children = new Set<ChildProcess>();
  private readonly folders = new Set<string>();
  /** Children whose own children are to end with them. */
  private readonly groups = new Set<ChildProcess>();
  private ending = false;
  /** Processes that others start for us and that would outlive a killed parent. */
  readonly orphans = new Set<number>();

  /** `script` is in the names of its temporary folders. */
  constructor(private readonly script: string) {}

  spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    if (this.ending) throw new Error(`${command} was not started: the ${this.script} is ending`);
    return this.keep(spawn(command, args, options));
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
    const path = await mkdtemp(join(tmpdir(), `ringback-${this.script}-${name}-`));
    this.folders.add(path);
    return path;
  }

  /** Ends a process the orderly way, and by force when it takes too long. */
  async stop(child: ChildProcess): Promise<void> {
    if (child.pid === undefined || hasEnded(child)) return;
    const ended = once(child, 'exit');
    this.signal(child, 'SIGTERM');
    // One that is stopped hears nothing else.
    this.signal(child, 'SIGCONT');
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

  protected keep(child: ChildProcess): ChildProcess {
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

/** A port of the loopback address that nobody listens on. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Whether a process has exited, or a signal has ended it. */
export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
