import { describe, expect, it } from 'vitest';
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
