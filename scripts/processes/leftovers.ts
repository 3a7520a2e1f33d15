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
  /** Processes that others start for us and that would outlive a killed parent. */
  readonly orphans = new Set<number>();

  /** `script` is in the names of its temporary folders. */
  constructor(private readonly script: string) {}

  spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    return this.keep(spawn(command, args, options));
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
    child.kill('SIGTERM');
    // One that is stopped hears nothing else.
    child.kill('SIGCONT');
    const force = setTimeout(() => child.kill('SIGKILL'), TERM_MS);
    await ended;
    clearTimeout(force);
    this.children.delete(child);
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.children].map((child) => this.stop(child)));
    this.killOrphans();
    for (const folder of this.folders) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    this.folders.clear();
  }

  /** For the `exit` event, where nothing can be awaited any more. */
  dropAll(): void {
    for (const child of this.children) child.kill('SIGKILL');
    this.killOrphans();
    for (const folder of this.folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
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
