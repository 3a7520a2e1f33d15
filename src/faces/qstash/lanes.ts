import { Injectable } from '@nestjs/common';
import { Queues } from '../../messages/queues.js';
import { type Publication, refused } from './publication.js';

/** The queues that messages are to go through. */
@Injectable()
export class Lanes {
  constructor(private readonly queues: Queues) {}

  /** Makes the queue where there is none of that name; null: there is nothing to do. */
  async open(accountId: string, queue: string | null, { flow }: Publication): Promise<void> {
    if (queue === null) return;
    if (flow !== null)
      throw refused('Upstash-Flow-Control-Key', 'goes with no queue: a queue has a parallelism of its own');
    await this.queues.open(accountId, queue);
  }
}
