import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataSourceOptions } from '../../ormconfig.js';
import { connect } from '../../src/database/connection.js';
import { Database } from '../../src/database/database.js';
import { VacuumStore, warningOf } from '../../src/database/vacuum.store.js';
import { newDatabase } from '../support/database.js';

describe('What keeps dead rows from being cleared away', () => {
  let url: string;
  let dataSource: Awaited<ReturnType<typeof connect>>;
  let store: VacuumStore;

  beforeAll(async () => {
    url = await newDatabase();
    dataSource = await connect(dataSourceOptions(url, 2));
    store = new VacuumStore(new Database(dataSource));
  });
  afterAll(() => dataSource.destroy());

  it('is the oldest transaction of the database, which is named with its remedy', async () => {
    // PostgreSQL's own transactions come and go.
    await expect
      .poll(() => store.read())
      .toEqual({
        deadRows: { live_operation: 0, live_delivery: 0, live_poll: 0 },
        oldestS: 0,
        holder: null,
        remedy: null,
      });
    const backup = new pg.Client({ connectionString: url, application_name: 'a backup' });
    await backup.connect();
    const { rows } = await backup.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await backup.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await backup.query('SELECT 1');
    await expect.poll(async () => (await store.read()).oldestS).toBeGreaterThan(0.05);
    expect(await store.read()).toMatchObject({
      holder: `process ${rows[0]!.pid}, a backup`,
      remedy: `SELECT pg_terminate_backend(${rows[0]!.pid})`,
    });
    await backup.end();
    await expect.poll(async () => (await store.read()).holder).toBeNull();
  });

  it('is read once a minute for those who only glance at it', async () => {
    expect(await store.glance()).toBe(await store.glance());
  });

  it('is worth a warning when it has lasted for a minute and dead rows have piled up', () => {
    const state = {
      deadRows: { live_operation: 10, live_delivery: 30_000 },
      oldestS: 90.4,
      holder: 'process 7, pg_dump',
      remedy: 'SELECT pg_terminate_backend(7)',
    };
    expect(warningOf(state)).toBe(
      "a transaction has been open for 90 s (process 7, pg_dump): PostgreSQL can't clear the 30000 dead rows of live_delivery, and dispatch becomes slower; end it: SELECT pg_terminate_backend(7)",
    );
    expect(warningOf({ ...state, oldestS: 59 })).toBeNull();
    expect(warningOf({ ...state, deadRows: { live_delivery: 20_000 } })).toBeNull();
  });
});
