import { createHash } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { ProcessStore, type RemoteWorker } from '../../engine/process.store.js';

/** A worker is written down so often at the most, ms: a third of the time after which it counts as gone. */
const BEAT_MS = 10_000;
/** Workers that a process remembers having written down. */
const MAX_NOTED = 10_000;

/** Writes down which remote workers ask, for people and `GET /v1/processes`; nothing is decided by it. */
@Injectable()
export class RemoteWorkers {
  private readonly logger = new Logger('Work');
  private readonly noted = new Map<string, number>();

  constructor(private readonly store: ProcessStore) {}

  /** The id of the worker of that name with keys of this account, or of all accounts (null). */
  idOf(account: string | null, name: string): string {
    const digest = createHash('sha256')
      .update(`${account ?? '*'} ${name}`)
      .digest('hex');
    return `work_${digest.slice(0, 32)}`;
  }

  /** A worker asks for work. */
  asks(worker: RemoteWorker): void {
    if (this.isDue(worker.id)) this.write(this.store.beatRemote(worker));
  }

  /** Workers renew leases: while they have much to do, they ask for nothing. */
  live(ids: Iterable<string>): void {
    const due = [...new Set(ids)].filter((id) => this.isDue(id));
    if (due.length > 0) this.write(this.store.touchRemote(due));
  }

  private isDue(id: string): boolean {
    const now = performance.now();
    if (now - (this.noted.get(id) ?? -Infinity) < BEAT_MS) return false;
    if (this.noted.size >= MAX_NOTED) this.noted.clear();
    this.noted.set(id, now);
    return true;
  }

  /** Nobody waits for it. */
  private write(writing: Promise<void>): void {
    writing.catch((error: unknown) => this.logger.debug(`a worker was not written down: ${String(error)}`));
  }
}
