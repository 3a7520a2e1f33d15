import { Injectable } from '@nestjs/common';
import { Queues } from '../../messages/queues.js';
import type { Publication } from './publication.js';
import { refused } from './refusal.js';

/** The queues that messages are to go through. */
@Injectable()
export class Lanes {
  constructor(private readonly queues: Queues) {}

  /** Refuses what a message of a queue can't have; null: it goes through none. */
  check(queue: string | null, { flow }: Publication): void {
    if (queue !== null && flow !== null)
      throw refused('Upstash-Flow-Control-Key', 'goes with no queue: a queue has a parallelism of its own');
  }

  /** Makes the queue where there is none of that name. */
  async open(accountId: string, queue: string | null): Promise<void> {
    if (queue !== null) await this.queues.open(accountId, queue);
  }
}
