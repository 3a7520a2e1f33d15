import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Database } from '../database/database.js';
import { QueueBackend } from '../queues/queue-backend.js';

const CHECK_MS = 2_000;

/** Tells whether the parts that Ringback stands on can be used. */
@Injectable()
export class HealthService implements OnModuleDestroy {
  private ending = false;

  constructor(
    private readonly database: Database,
    private readonly queues: QueueBackend,
  ) {}

  /** The first hook of a shutdown: from then on nothing more should be sent here, while what was is finished. */
  onModuleDestroy(): void {
    this.ending = true;
  }

  /** Per part: `ok`, or what is wrong and the remedy. Answers within 2 s. */
  async checks(): Promise<Record<string, string>> {
    const [postgresql, queue] = await Promise.all([
      within(
        this.database.query('SELECT 1').then(
          () => null,
          () => 'PostgreSQL cannot be reached',
        ),
        'PostgreSQL does not answer',
      ),
      within(this.queues.trouble(), 'the queue does not answer'),
    ]);
    return {
      postgresql: postgresql ?? 'ok',
      queue: queue ?? 'ok',
      ...(this.ending ? { process: 'it is shutting down; send requests to another' } : {}),
    };
  }
}

function within(check: Promise<string | null>, late: string): Promise<string | null> {
  return Promise.race([
    check,
    new Promise<string>((resolve) => setTimeout(() => resolve(late), CHECK_MS).unref()),
  ]);
}
