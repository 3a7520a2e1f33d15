import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Database } from '../database/database.js';
import { whyNotWritable } from '../database/database-errors.js';
import { FilesService } from '../files/files.service.js';
import { Processes } from '../engine/processes.js';
import { QueueHealth } from '../engine/queue-health.js';
import { MEANWHILE } from '../engine/redis-trouble.js';

const CHECK_MS = 2_000;

/** How long a commit may wait for a standby, seconds. */
const STANDBY_S = 5;
const NO_STANDBY = `PostgreSQL acknowledges no commit: each waits for a standby (synchronous_standby_names): bring one back, or take it out of the setting; where another server was promoted, this is the old one`;

/** Tells whether the parts that Ringback stands on can be used. */
@Injectable()
export class HealthService implements OnModuleDestroy {
  private ending = false;

  constructor(
    private readonly database: Database,
    private readonly queues: QueueHealth,
    private readonly files: FilesService,
    private readonly processes: Processes,
  ) {}

  /** From now on nothing more should be sent here, while what was is finished. */
  leave(): void {
    this.ending = true;
  }

  /** The first hook of a shutdown. */
  onModuleDestroy(): void {
    this.leave();
  }

  /** What is worth a look, and no reason to send requests elsewhere. */
  warnings(): Record<string, string> {
    const { trouble } = this.processes;
    return trouble === null ? {} : { workers: trouble };
  }

  /** Per part: `ok`, or what is wrong and the remedy. Answers within 2 s. */
  async checks(): Promise<Record<string, string>> {
    const [postgresql, queue, files] = await Promise.all([
      within(this.postgresqlTrouble(), 'PostgreSQL does not answer'),
      within(this.queues.trouble(), 'the queue does not answer'),
      // Undefined where files are in a folder, which is not asked.
      within(this.files.trouble(), 'the object store does not answer'),
    ]);
    return {
      postgresql: postgresql ?? 'ok',
      // Without PostgreSQL, nothing is accepted.
      queue: (postgresql === null ? queue : queue?.replace(MEANWHILE, '')) ?? 'ok',
      ...(files === undefined ? {} : { files: files ?? 'ok' }),
      ...(this.ending ? { process: 'it is shutting down; send requests to another' } : {}),
    };
  }

  /** A server that has become read-only, or whose standby is gone, answers as before, and keeps nothing. */
  private async postgresqlTrouble(): Promise<string | null> {
    try {
      const [row] = await this.database.query<{ writable: boolean; waiting: boolean }>(
        `SELECT current_setting('transaction_read_only') = 'off' AS writable, EXISTS (
           SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = current_database()
             AND usename = current_user AND query_start < now() - $1 * interval '1 s') AS waiting`,
        [STANDBY_S],
      );
      if (!row!.writable) return 'PostgreSQL takes no writes: it is a standby, or was made read-only';
      return row!.waiting ? NO_STANDBY : null;
    } catch (error) {
      const why = whyNotWritable(error);
      return why === undefined ? 'PostgreSQL cannot be reached' : `PostgreSQL: ${why}`;
    }
  }
}

function within<T extends Promise<string | null> | undefined>(
  check: T,
  late: string,
): Promise<Awaited<T> | string> {
  return Promise.race([
    check,
    new Promise<string>((resolve) => setTimeout(() => resolve(late), CHECK_MS).unref()),
  ]);
}
