import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { freePort } from '../support/app.js';
import { ringback, start } from '../support/command.js';
import { emptyDatabase, rowsOf } from '../support/database.js';
import { Service, sharedBy } from '../support/service.js';

/** What takes the lock by which one process at a time migrates. */
const LOCK = 'SELECT pg_advisory_lock(7164225001)';

describe('ringback migrate', { timeout: 60_000 }, () => {
  it('brings a database up to date, and a service that leaves that to it starts only then', async () => {
    const database = await emptyDatabase();
    const env = sharedBy(database);
    const before = await ringback(['migrate', '--status'], { env });
    expect(before).toMatchObject({ code: 1, stderr: '' });
    expect(before.stdout).toMatch(
      /^pending Foundation\d+\n(pending \w+\n)*pending Functions\w+\n(pending bullmq\n)?behind: run "ringback migrate"\n$/,
    );
    expect(await rowsOf(database, `SELECT to_regclass('migrations') AS made`)).toEqual([{ made: null }]);

    const refused = await Service.spawn({ ...env, RINGBACK_MIGRATE: 'false' });
    await refused.exited();
    expect(refused.process.exitCode).toBe(1);
    expect(refused.output()).toMatch(
      /behind by \d+ migrations .*RINGBACK_MIGRATE is false: run "ringback migrate"/,
    );
    const { code, stderr } = await ringback(['serve', '--no-migrate'], {
      env: { ...env, RINGBACK_SECRET_KEYS: `k1:${Buffer.alloc(32).toString('base64')}` },
    });
    expect([code, stderr]).toEqual([1, expect.stringContaining('run "ringback migrate"')]);

    const migrated = await ringback(['migrate'], { env });
    expect(migrated).toMatchObject({ code: 0, stderr: '' });
    expect(migrated.stdout).toMatch(
      /^applied Foundation\d+\n(applied \w+\n)*applied Functions\w+\n(applied bullmq\n)?The schema is up to date\.\n$/,
    );
    const after = await ringback(['migrate', '--status', '--json'], { env });
    expect([after.code, JSON.parse(after.stdout)]).toMatchObject([
      0,
      { up_to_date: true, applied_now: [], pending: [], unknown: [] },
    ]);
    await using service = await Service.start({ ...env, RINGBACK_MIGRATE: 'false' });
    const { id } = await service.client.submit({ type: 'echo' });
    expect((await service.client.ended(id)).status).toBe('Finished');
  });

  it('says that another migrates, waits for that one, and ends', async () => {
    const database = await emptyDatabase();
    const other = new pg.Client({ connectionString: database });
    await other.connect();
    await other.query(LOCK);
    const both = [0, 1].map(() => ringback(['migrate'], { env: sharedBy(database) }));
    const waiting = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
    await expect.poll(() => rowsOf(database, waiting)).toHaveLength(2);
    await other.end();
    const ended = await Promise.all(both);
    for (const { code, stdout, stderr } of ended) {
      expect([code, stderr]).toEqual([
        0,
        expect.stringMatching(
          /^another process migrates this database \(session \d+ from 127\.0\.0\.1, for \d+ s\): waiting for it\n$/,
        ),
      ]);
      expect(stdout).toContain('The schema is up to date.');
    }
    expect(ended.filter(({ stdout }) => stdout.includes('applied Foundation'))).toHaveLength(1);
  });

  it('that is killed in the middle of a migration leaves no lock, and the next one begins anew', async () => {
    const database = await emptyDatabase();
    // A migration that takes as long as an index on a large table.
    await rowsOf(
      database,
      `CREATE FUNCTION dawdle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
         IF tg_tag = 'CREATE TABLE' AND to_regclass('migrations') IS NOT NULL AND to_regclass('account') IS NOT NULL THEN PERFORM pg_sleep(600); END IF; END $$`,
    );
    await rowsOf(database, 'CREATE EVENT TRIGGER dawdle ON ddl_command_start EXECUTE FUNCTION dawdle()');
    const left = (): Promise<unknown[]> =>
      rowsOf(
        database,
        `SELECT pid FROM pg_stat_activity WHERE application_name = 'ringback' AND datname = current_database()`,
      );
    const child = start(['migrate'], sharedBy(database));
    const sleeping = `SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()`;
    await expect.poll(() => rowsOf(database, sleeping)).toHaveLength(1);
    child.kill('SIGKILL');
    await expect.poll(left).toEqual([]);
    await rowsOf(database, 'DROP EVENT TRIGGER dawdle');
    const next = await ringback(['migrate'], { env: sharedBy(database) });
    expect(next).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^applied Foundation/) });
  });

  it('--status --wait changes nothing and ends once somebody has migrated', async () => {
    const database = await emptyDatabase();
    const env = sharedBy(database);
    const waiting = ringback(['migrate', '--status', '--wait'], { env });
    await expect
      .poll(() =>
        rowsOf(
          database,
          `SELECT FROM pg_stat_activity WHERE application_name = 'ringback' AND datname = current_database()`,
        ),
      )
      .not.toEqual([]);
    expect((await ringback(['migrate'], { env })).code).toBe(0);
    expect(await waiting).toMatchObject({ code: 0, stdout: 'The schema is up to date.\n' });
  });

  it('names what is newer than it, and ends with 1', async () => {
    const database = await emptyDatabase();
    const env = sharedBy(database);
    await ringback(['migrate'], { env });
    await rowsOf(
      database,
      `INSERT INTO migrations (timestamp, name) VALUES (1999999999999, 'Newer1999999999999')`,
    );
    const { code, stdout } = await ringback(['migrate', '--status'], { env });
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(/^ahead: Newer\d+ is of a newer Ringback; start that/),
    ]);
  });

  it('one version back is well where the newer schema bears it, and ends with 1 where it does not', async () => {
    const database = await emptyDatabase();
    const env = sharedBy(database);
    await ringback(['migrate'], { env });
    await rowsOf(
      database,
      `INSERT INTO migrations (timestamp, name) VALUES (1999999999999, 'Newer1999999999999')`,
    );
    for (const [oldest, code, said] of [
      ['0.1.0', 0, /^ahead: the schema is of Ringback 99\.1\.0, and this is \S+, which runs on it\.\n$/],
      [
        '99.0.0',
        1,
        /^ahead: the schema is of Ringback 99\.1\.0, beside which 99\.0\.0 and newer run; start one of those\n$/,
      ],
    ] as const) {
      await rowsOf(
        database,
        `COMMENT ON TABLE migrations IS 'of Ringback 99.1.0; ${oldest} and newer run on it'`,
      );
      for (const given of [['migrate'], ['migrate', '--status', '--wait']])
        expect(await ringback(given, { env })).toMatchObject({ code, stdout: expect.stringMatching(said) });
    }
  });

  it('ends with 3 where PostgreSQL is not reached, and with 1 where none is named', async () => {
    const nowhere = `postgres://127.0.0.1:${await freePort()}/none`;
    const { code, stderr } = await ringback(['migrate'], { env: { DATABASE_URL: nowhere } });
    expect([code, stderr]).toEqual([3, expect.stringMatching(/^ringback: .*ECONNREFUSED/)]);
    const unnamed = await ringback(['migrate']);
    expect([unnamed.code, unnamed.stderr]).toEqual([1, expect.stringMatching(/DATABASE_URL is missing/)]);
  });
});
