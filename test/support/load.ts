import { expect } from 'vitest';
import type { Client } from './client.js';
import { rowsOf } from './database.js';
import type { Receiver } from './receiver.js';

/** Submits operations without pause until stopped, and remembers which were acknowledged. */
export class Load {
  readonly acknowledged: string[] = [];
  private readonly submitters: Promise<void>[];
  private stopped = false;

  constructor(
    private readonly client: Client,
    private readonly callbackUrl: string,
    concurrency = 8,
    private readonly type: Record<string, unknown> = { type: 'sleep', input: { seconds: 0.02 } },
  ) {
    this.submitters = Array.from({ length: concurrency }, () => this.submit());
  }

  /** Resolves once so many were acknowledged. */
  async reached(count: number): Promise<void> {
    await expect
      .poll(() => this.acknowledged.length, { timeout: 30_000, interval: 10 })
      .toBeGreaterThanOrEqual(count);
  }

  async stop(): Promise<string[]> {
    this.stopped = true;
    await Promise.all(this.submitters);
    return this.acknowledged;
  }

  private async submit(): Promise<void> {
    while (!this.stopped) {
      try {
        const answer = await this.client.post('/v1/operations', {
          ...this.type,
          callback: { url: this.callbackUrl },
        });
        if (answer.status === 202) this.acknowledged.push(answer.body.id as string);
        else await new Promise((resolve) => setImmediate(resolve));
      } catch {
        // The service is down: what wasn't acknowledged isn't owed.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}

/** Every acknowledged operation is Finished, its callback delivered, and seen by the receiver. */
export async function expectNothingLost(
  databaseUrl: string,
  acknowledged: string[],
  receiver: Receiver,
  timeout = 60_000,
): Promise<void> {
  const pending = (): Promise<unknown> =>
    rowsOf(
      databaseUrl,
      `SELECT o.state AS operation, d.state AS delivery, count(*) FROM unnest($1::text[]) AS a (rid)
         LEFT JOIN operation_view o USING (rid) LEFT JOIN delivery_view d ON d.operation_id = o.request_id AND d.endpoint_id IS NULL
       WHERE (o.state = 'Finished' AND d.state = 'Delivered') IS NOT TRUE GROUP BY 1, 2`,
      [acknowledged],
    ).catch((error: unknown) => error);
  await expect.poll(pending, { timeout, interval: 200 }).toEqual([]);
  const seen = new Set(receiver.all.map(({ headers }) => headers['ringback-operation']));
  expect(acknowledged.filter((id) => !seen.has(id))).toEqual([]);
  const twice = await rowsOf(
    databaseUrl,
    `SELECT operation_id FROM history_view WHERE kind = 'transition' AND state IN ('Finished', 'Failed', 'Canceled') GROUP BY 1 HAVING count(*) > 1`,
  );
  expect(twice).toEqual([]);
}
