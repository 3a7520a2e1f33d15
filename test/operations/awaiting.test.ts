import { Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunContext } from '../../src/operations/run/operation-run.js';
import {
  type OperationHandler,
  type OperationOutcome,
  OperationType,
} from '../../src/operations/run/operation-type.js';
import { App } from '../support/app.js';
import { rowsOf } from '../support/database.js';

interface Rounds {
  readonly rounds: number;
  readonly everyS: number;
}

class GoingOn implements OperationHandler<Rounds> {
  readonly attempts: number[] = [];

  async run({ rounds, everyS }: Rounds, context: RunContext): Promise<OperationOutcome> {
    const round = Number(context.checkpoint ?? 0);
    this.attempts.push(context.attempt);
    if (round === 0) context.progress(10, 'asked');
    return round < rounds ? context.goOn(everyS, String(round + 1)) : { result: { rounds: round } };
  }
}

@OperationType({ name: 'test.going-on', title: 'Go on after a wait', tries: 1 })
class GoingOnHandler extends GoingOn {}

@OperationType({ name: 'test.slotless', title: 'Go on after a wait, without a slot', slotless: true })
class SlotlessHandler extends GoingOn {}

/** Is cut off in its second run. */
@OperationType({ name: 'test.cut-off', title: 'Go on, and hang', tries: 1 })
class CutOffHandler implements OperationHandler {
  runs = 0;

  async run(_: unknown, context: RunContext): Promise<OperationOutcome> {
    this.runs++;
    if (context.checkpoint === null) return context.goOn(0, 'asked');
    if (this.runs > 2) return { result: context.checkpoint };
    await new Promise((_resolve, reject) =>
      context.signal.addEventListener('abort', () => reject(context.signal.reason)),
    );
    return {};
  }
}

@Module({ providers: [GoingOnHandler, SlotlessHandler, CutOffHandler] })
class WaitingModule {}

describe('an operation that waits without a worker', () => {
  let app: App;
  beforeAll(async () => {
    app = await App.start({ operations: { concurrency: 1 } }, [WaitingModule]);
  });
  afterAll(() => app[Symbol.asyncDispose]());

  const live = async (id: string): Promise<unknown> => {
    const [row] = await rowsOf(
      app.databaseUrl,
      `SELECT phase, awaits, lease_token IS NULL AS free FROM live_operation JOIN operation USING (request_id) WHERE rid = $1`,
      [id],
    );
    return row;
  };
  const waiting = (phase = 'awaiting'): object => ({ phase, awaits: 'poll', free: true });

  it('goes on where it has come to, in one attempt however often', async () => {
    const { id } = await app.client.submit({ type: 'test.going-on', input: { rounds: 5, everyS: 0.01 } });
    expect(await app.client.ended(id)).toMatchObject({
      status: 'Finished',
      attempt: 1,
      result: { rounds: 5 },
    });
    expect(app.nest.get(GoingOnHandler).attempts).toEqual([1, 1, 1, 1, 1, 1]);
    const { body: history } = await app.client.get(`/v1/operations/${id}/history`);
    expect(history.data.map(({ kind, status }: { kind: string; status: string }) => status ?? kind)).toEqual([
      'Waiting',
      'Executing',
      'progress',
      'Finished',
    ]);
  });

  it('is Executing, shows its progress, and takes no place of a worker', async () => {
    const { id } = await app.client.submit({ type: 'test.going-on', input: { rounds: 1, everyS: 3600 } });
    await expect.poll(() => live(id)).toEqual(waiting());
    expect((await app.client.get(`/v1/operations/${id}`)).body).toMatchObject({
      status: 'Executing',
      status_text: 'asked',
      progress: 10,
    });
    // The only place of the only worker.
    const other = await app.client.submit({ type: 'echo' });
    expect((await app.client.ended(other.id)).status).toBe('Finished');
    const { body: list } = await app.client.get('/v1/operations?status=Executing');
    expect(list.data.map((operation: { id: string }) => operation.id)).toContain(id);
    expect((await app.client.get('/v1/ledger')).body).toMatchObject({
      balanced: true,
      oldest_waiting_s: 0,
      oldest_overdue_s: 0,
      operations: { executing: 1 },
    });
  });

  it('keeps its slot, and of a slotless type it gives that up', async () => {
    const account = await app.account('one slot', 1);
    const input = { rounds: 1, everyS: 3600 };
    const first = await account.submit({ type: 'test.slotless', input });
    const second = await account.submit({ type: 'test.slotless', input });
    await expect.poll(() => live(first.id)).toEqual(waiting('aside'));
    await expect.poll(() => live(second.id)).toEqual(waiting('aside'));
    const keeping = await account.submit({ type: 'test.going-on', input });
    await expect.poll(() => live(keeping.id)).toEqual(waiting());
    const next = await account.submit({ type: 'echo' });
    const later = await app.client.submit({ type: 'echo' });
    await app.client.ended(later.id);
    expect((await account.get(`/v1/operations/${next.id}`)).body.status).toBe('Waiting');
    await account.post(`/v1/operations/${keeping.id}/cancel`);
    expect((await account.ended(next.id)).status).toBe('Finished');
  });

  it('is Canceled at once', async () => {
    const { id } = await app.client.submit({ type: 'test.going-on', input: { rounds: 1, everyS: 3600 } });
    await expect.poll(() => live(id)).toEqual(waiting());
    expect((await app.client.post(`/v1/operations/${id}/cancel`)).body.status).toBe('Canceled');
  });

  const loseWorker = (id: string, also = ''): Promise<unknown> =>
    rowsOf(
      app.databaseUrl,
      `UPDATE live_operation SET look_at = now(), due_at = now() ${also} WHERE request_id = (SELECT request_id FROM operation WHERE rid = $1)`,
      [id],
    );

  it('goes on where the worker of one of its runs has died, in another attempt, though its type is never tried twice', async () => {
    const handler = app.nest.get(CutOffHandler);
    const { id } = await app.client.submit({ type: 'test.cut-off' });
    await expect.poll(() => handler.runs).toBe(2);
    await loseWorker(id);
    expect(await app.client.ended(id)).toMatchObject({ status: 'Finished', attempt: 2, result: 'asked' });
  });

  it('whose worker dies whenever it goes on fails in the end', async () => {
    const handler = app.nest.get(CutOffHandler);
    handler.runs = 0;
    const { id } = await app.client.submit({ type: 'test.cut-off' });
    await expect.poll(() => handler.runs).toBe(2);
    await loseWorker(id, ', attempt = 25');
    expect(await app.client.ended(id)).toMatchObject({
      status: 'Failed',
      error: { code: 'attempts_exhausted' },
    });
    expect(handler.runs).toBe(2);
  });

  it('of which a shutdown cuts a run off goes on elsewhere, though its type is never tried twice', async () => {
    const handler = app.nest.get(CutOffHandler);
    handler.runs = 0;
    const { id } = await app.client.submit({ type: 'test.cut-off' });
    await expect.poll(() => handler.runs).toBe(2);
    await app[Symbol.asyncDispose]();
    expect(await live(id)).toEqual(waiting());
    app = await App.start({ database: { url: app.databaseUrl } }, [WaitingModule]);
    app.nest.get(CutOffHandler).runs = 2;
    expect(await app.client.ended(id)).toMatchObject({ status: 'Finished', attempt: 1 });
  });
});

describe('an operation that was completed, and whose process died before it ended it', () => {
  it('is ended when the lease is over, also where nothing else happens', async () => {
    await using app = await App.start({ operations: { leaseS: 1.2, pollMs: 50 } });
    const { id } = await app.client.submit({ type: 'external' });
    const waits = (): Promise<unknown[]> =>
      rowsOf(app.databaseUrl, 'SELECT FROM live_operation WHERE awaits IS NOT NULL');
    await expect.poll(waits).toHaveLength(1);
    await rowsOf(
      app.databaseUrl,
      `SELECT outcome FROM completion c, complete_operation(c.token_hash, 'digest', $1, '1.2 s')`,
      [JSON.stringify({ status: 'finished', result: '"done"', custom: null, file: null })],
    );
    expect(await app.client.ended(id)).toMatchObject({ status: 'Finished', result: 'done' });
  });
});
