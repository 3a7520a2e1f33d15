import { Module } from '@nestjs/common';
import { expect, it } from 'vitest';
import { type OperationHandler, type OperationOutcome, OperationType } from '../../src/index.js';
import { OperationStore } from '../../src/operations/operation.store.js';
import { App } from '../support/app.js';
import { rowsOf } from '../support/database.js';

const RUNS = 120;
const enders: (() => void)[] = [];

/** Ends when the test says so. */
@OperationType({ name: 'test.turn', title: 'Wait for its turn', tries: 1 })
class TurnHandler implements OperationHandler {
  async run(): Promise<OperationOutcome> {
    await new Promise<void>((resolve) => enders.push(resolve));
    return {};
  }
}
@Module({ providers: [TurnHandler] })
class TurnModule {}

it('operations that end in any order are settled and renewed at the same time without a deadlock', async () => {
  await using app = await App.start(
    { operations: { concurrency: RUNS, leaseS: 60 }, accounts: { slots: RUNS } },
    [TurnModule],
  );
  for (let n = 0; n < RUNS; n++) await app.client.submit({ type: 'test.turn' });
  await expect.poll(() => enders.length, { timeout: 20_000 }).toBe(RUNS);
  const leases = await rowsOf<{ requestId: string; leaseToken: string }>(
    app.databaseUrl,
    'SELECT request_id AS "requestId", lease_token AS "leaseToken" FROM live_operation',
  );
  const store = app.nest.get(OperationStore);
  for (const end of enders.toReversed()) {
    end();
    await store.renew(leases);
  }
  const left = (): Promise<unknown[]> => rowsOf(app.databaseUrl, `SELECT FROM live_operation`);
  await expect.poll(left, { timeout: 20_000 }).toEqual([]);
  const deadlocks = (): Promise<unknown[]> =>
    rowsOf(app.databaseUrl, 'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()');
  expect(await deadlocks()).toEqual([{ deadlocks: 0 }]);
});
