import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Database } from '../database/database.js';
import { FilesService } from '../files/files.service.js';
import { Processes } from '../engine/processes.js';
import { QueueHealth } from '../engine/queue-health.js';

const CHECK_MS = 2_000;

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
      within(
        this.database.query('SELECT 1').then(
          () => null,
          () => 'PostgreSQL cannot be reached',
        ),
        'PostgreSQL does not answer',
      ),
      within(this.queues.trouble(), 'the queue does not answer'),
      // Undefined where files are in a folder, which is not asked.
      within(this.files.trouble(), 'the object store does not answer'),
    ]);
    return {
      postgresql: postgresql ?? 'ok',
      queue: queue ?? 'ok',
      ...(files === undefined ? {} : { files: files ?? 'ok' }),
      ...(this.ending ? { process: 'it is shutting down; send requests to another' } : {}),
    };
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
