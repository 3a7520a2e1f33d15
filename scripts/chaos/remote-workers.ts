import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { RingbackClient } from '../../src/client/index.js';
import { FRONTS } from './schedule.js';
import type { Stage } from './stage.js';

/** The declared type that they run. */
export const REMOTE_TYPE = 'chaos.remote';
const AGAIN_MS = 500;

/** Workers outside of the service, one at each process that serves them: whatever becomes of that, they ask again. */
export class RemoteWorkers {
  private readonly over = new AbortController();
  private readonly running: Promise<void>[];

  constructor(private readonly stage: Stage) {
    this.running = FRONTS.map((name) => this.run(name));
  }

  async stop(): Promise<void> {
    this.over.abort();
    await Promise.all(this.running);
  }

  private async run(name: (typeof FRONTS)[number]): Promise<void> {
    const { signal } = this.over;
    const client = new RingbackClient({ url: this.stage.process(name).url, apiKey: this.stage.adminKey });
    while (!signal.aborted) {
      const work = client.work<{ ms: number }>({
        types: [REMOTE_TYPE],
        concurrency: 20,
        leaseS: 5,
        graceS: 0,
        signal,
        handler: async ({ ms }, { operation: { id, attempt }, signal: stopped }) => {
          this.note('start', id, attempt);
          try {
            await delay(ms, undefined, { signal: stopped });
          } finally {
            this.note('end', id, attempt);
          }
          return { result: { attempt } };
        },
      });
      // It rides out what passes; what doesn't, such as an answer that a fault has cut, is no reason to stop.
      await work.catch(() => delay(AGAIN_MS));
    }
  }

  private note(what: string, id: string, attempt: number): void {
    appendFileSync(this.stage.notes, `${what} ${process.pid} ${id} ${attempt} often ${Date.now()}\n`);
  }
}
