import { describe, expect, it } from 'vitest';
import { asDatabaseError, DatabaseUnavailableError } from '../../src/database/database-errors.js';
import { Database } from '../../src/database/database.js';
import { App } from '../support/app.js';

describe('a statement', () => {
  it('that PostgreSQL cut off for its time is an outage, so that what was done is kept and said again', async () => {
    await using app = await App.start();
    const cut = app.nest.get(Database).transaction(async (tx) => {
      await tx.query('SET LOCAL statement_timeout = 20');
      await tx.query('SELECT pg_sleep(5)');
    });
    await expect(cut).rejects.toMatchObject({ code: 'database-unavailable' });
  });

  it('of a process that stood still inside its transaction, which PostgreSQL has ended, is met by an outage', async () => {
    await using app = await App.start();
    const late = app.nest.get(Database).transaction(async (tx) => {
      await tx.query('SET LOCAL idle_in_transaction_session_timeout = 50');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
      await tx.query('SELECT 1');
    });
    await expect(late).rejects.toMatchObject({ code: 'database-unavailable', cause: { code: '25P03' } });
  });

  it.each(['EPIPE', 'EPERM', 'ECONNRESET', '25P03', '25P04'])(
    'that ends with %s has met an outage',
    (code) => {
      expect(asDatabaseError(Object.assign(new Error('of the system'), { code }))).toBeInstanceOf(
        DatabaseUnavailableError,
      );
    },
  );

  it.each(['22P02', '25P02', 'P0001', 'XX000'])(
    'that PostgreSQL has judged with %s was at fault itself',
    (code) => {
      const error = Object.assign(new Error('of the statement'), { code });
      expect(asDatabaseError(error)).toBe(error);
    },
  );

  it('that was the victim of a deadlock is sent again', async () => {
    await using app = await App.start();
    const database = app.nest.get(Database);
    await database.query('CREATE TABLE pair (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0)');
    await database.query('INSERT INTO pair VALUES (1), (2)');
    const both = (first: number, second: number): Promise<unknown> =>
      database.query(`DO $$ BEGIN
        UPDATE pair SET n = n + 1 WHERE id = ${first}; PERFORM pg_sleep(0.2); UPDATE pair SET n = n + 1 WHERE id = ${second};
      END $$`);
    await Promise.all([both(1, 2), both(2, 1)]);
    expect(await database.query('SELECT sum(n)::integer AS n FROM pair')).toEqual([{ n: 4 }]);
  });
});
