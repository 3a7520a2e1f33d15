import type { Logger } from '@nestjs/common';
import type { Worker } from 'bullmq';

/** Lets a worker take jobs, `concurrency` at once. An outage of the queue is logged, never thrown. */
export function startWorker(worker: Worker, concurrency: number, logger: Logger): void {
  worker.on('error', (error) => logger.debug(`the queue's connection failed: ${error.message}`));
  worker.concurrency = concurrency;
  worker.run().catch((error: Error) => logger.error(`the worker stopped: ${error.message}`));
}

/** Stops taking jobs and waits for those that run; gives up some seconds after `graceS`, since closing never ends while Redis is down. */
export async function closeWorker(worker: Worker, graceS: number): Promise<void> {
  const late = new Promise((resolve) => setTimeout(resolve, (graceS + 3) * 1000).unref());
  await Promise.race([worker.close().catch(() => undefined), late]);
}
