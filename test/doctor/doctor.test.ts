import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examine, type Examination } from '../../src/doctor/doctor.js';
import { judgeOldest } from '../../src/doctor/transactions.js';
import { App, freePort } from '../support/app.js';
import { emptyDatabase, newDatabase, redisUrls, rowsOf } from '../support/database.js';
import { hasPgBouncer, PgBouncer } from '../support/pgbouncer.js';
import { RedisServer } from '../support/redis-server.js';
import { temporaryFolder } from '../support/service.js';

/** A server that tests are given may ask for no password. */
const isGiven = globalThis.process.env['RINGBACK_TEST_POSTGRES_URL'] !== undefined;
const onRedis = redisUrls().length > 0;
const hasRedis =
  globalThis.process.env.CI !== undefined || spawnSync('redis-server', ['--version']).status === 0;

let app: App;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  [app, folder] = await Promise.all([App.start(), temporaryFolder()]);
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** The environment of the service that runs. */
function environment(): Record<string, string> {
  return {
    DATABASE_URL: app.databaseUrl,
    ...(onRedis ? { REDIS_URL: redisUrls().join(',') } : {}),
    RINGBACK_SECRET_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
    RINGBACK_ALLOWED_PRIVATE: '127.0.0.0/8',
    RINGBACK_DATA_DIR: folder.path,
    PORT: String(app.config.http.port),
  };
}

/** What it says where these settings are others, a line each. */
async function lines(
  others: Record<string, string> = {},
  options: Partial<Examination> = {},
): Promise<string[]> {
  const found = await examine({ source: { ...environment(), ...others }, ...options });
  return found.map(({ check, level, text }) => `${level} ${check}: ${text}`);
}

const expectRed = async (pattern: RegExp, ...given: Parameters<typeof lines>): Promise<void> => {
  const red = (await lines(...given)).filter((line) => line.startsWith('red '));
  expect(red).toContainEqual(expect.stringMatching(pattern));
};

/** A database that belongs to a user of its own. */
async function ownDatabase(): Promise<{ admin: string; own: string; role: string }> {
  const [admin, role] = [new URL(await newDatabase()), `r_${randomBytes(4).toString('hex')}`];
  await rowsOf(admin.href, `CREATE ROLE ${role} LOGIN PASSWORD 'own'`);
  const own = new URL(admin);
  [own.username, own.password] = [role, 'own'];
  return { admin: admin.href, own: own.href, role };
}

describe('ringback doctor', { timeout: 30_000 }, () => {
  it('finds nothing where a service runs well, and says so of each part', async () => {
    const found = await lines();
    expect(found.filter((line) => !line.startsWith('green '))).toEqual([]);
    expect(found.map((line) => /^\w+ (\w+)/.exec(line)![1])).toEqual(
      expect.arrayContaining([
        'settings',
        'folders',
        'ports',
        'service',
        'postgresql',
        'queue',
        'transactions',
        'workers',
        'connections',
        'secrets',
      ]),
    );
    expect(found).toContainEqual(expect.stringMatching(/^green ports: .*taken by a Ringback/));
  });

  it('names all settings that are wrong or missing, and looks at the rest all the same', async () => {
    const found = await lines({
      RINGBACK_CONCURRENCY: 'many',
      RINGBACK_LEASE_S: '3',
      RINGBACK_SECRET_KEYS: '',
      RINGBACK_CONCURENCY: '1',
    });
    for (const pattern of [
      /^red settings: RINGBACK_CONCURRENCY: "many" is not a whole number/,
      /^red settings: RINGBACK_LEASE_S \(3\) must be at least .*: raise it/,
      /^red settings: RINGBACK_SECRET_KEYS is missing; set it to the output of/,
      /^yellow settings: RINGBACK_CONCURENCY is no setting .*: RINGBACK_CONCURRENCY is the nearest one$/,
      /^green postgresql: /,
    ])
      expect(found).toContainEqual(expect.stringMatching(pattern));
    const production = await lines({ NODE_ENV: 'production', DATABASE_URL: '', RINGBACK_SECRET_KEYS: '' });
    expect(production.filter((line) => line.startsWith('red settings'))).toEqual([
      expect.stringContaining('DATABASE_URL: name a PostgreSQL 14 or newer'),
      expect.stringContaining('RINGBACK_SECRET_KEYS: set it to the output of'),
      expect.stringContaining('RINGBACK_API_KEY, for the first start'),
    ]);
  });

  describe('says of PostgreSQL', () => {
    const changed = (change: (url: URL) => void): { DATABASE_URL: string } => {
      const url = new URL(app.databaseUrl);
      change(url);
      return { DATABASE_URL: url.href };
    };

    it.skipIf(isGiven)('that the password is wrong', () =>
      expectRed(
        /postgresql: PostgreSQL refuses the password of the user "\w+".*mend user and password in DATABASE_URL/,
        changed((url) => (url.password = 'wrong')),
      ),
    );

    it.each([
      [
        'that the database is not there',
        /postgresql: there is no database "none" .*CREATE DATABASE "none"/,
        (url: URL) => void (url.pathname = '/none'),
      ],
      [
        'that nothing listens there',
        /postgresql: PostgreSQL cannot be reached at 127\.0\.0\.1:1\/.*ECONNREFUSED.*mend DATABASE_URL/,
        (url: URL) => void (url.port = '1'),
      ],
    ])('%s', (_, pattern, change) => expectRed(pattern, changed(change)));

    it('which rights are missing', async () => {
      const { admin, own, role } = await ownDatabase();
      await expectRed(
        new RegExp(`rights: the user ${role} lacks SELECT, INSERT, UPDATE, DELETE, USAGE on .*GRANT`),
        { DATABASE_URL: own },
      );
      await rowsOf(admin, 'REVOKE ALL ON SCHEMA public FROM PUBLIC');
      await expectRed(
        new RegExp(`rights: search_path is .* the user ${role} may use none.*GRANT USAGE, CREATE`),
        { DATABASE_URL: own },
      );
    });

    it('that the schema is missing, behind or ahead', async () => {
      const database = { DATABASE_URL: await emptyDatabase() };
      expect(await lines(database)).toContainEqual(
        expect.stringMatching(/^yellow schema: there is none yet: .*"ringback migrate"/),
      );
      await expectRed(/schema: there is none yet: run "ringback migrate"/, {
        ...database,
        RINGBACK_MIGRATE: 'false',
      });
      const newer = { DATABASE_URL: await newDatabase() };
      await rowsOf(
        newer.DATABASE_URL,
        `INSERT INTO migrations (timestamp, name) VALUES (1999999999999, 'Newer1999999999999')`,
      );
      await rowsOf(newer.DATABASE_URL, `DELETE FROM migrations WHERE name LIKE 'Functions%'`);
      const found = await lines(newer);
      expect(found).toContainEqual(
        expect.stringMatching(/^red schema: is ahead: .*Newer1999999999999; start that version/),
      );
      expect(found).toContainEqual(
        expect.stringMatching(/^yellow schema: is behind by one migration \(Functions/),
      );
    });

    it.skipIf(!hasPgBouncer)('that a pooler stands between, and what is missing there', async () => {
      const { admin, own, role } = await ownDatabase();
      const place = `ROLE "${role}" IN DATABASE "${new URL(own).pathname.slice(1)}"`;
      await using transaction = await PgBouncer.before(own, 'transaction');
      const pooled = { DATABASE_URL: transaction.url, REDIS_URL: '' };
      await expectRed(
        /pooler: DATABASE_URL leads to a pooler in transaction mode.* set RINGBACK_DIRECT_URL .*, or REDIS_URL/,
        pooled,
      );
      await expectRed(/pooler: RINGBACK_DIRECT_URL leads to a pooler in transaction mode/, {
        ...pooled,
        RINGBACK_DIRECT_URL: `${transaction.url}?x=1`,
      });
      await expectRed(/pooler: RINGBACK_DIRECT_URL leads to another database or schema than DATABASE_URL/, {
        ...pooled,
        RINGBACK_DIRECT_URL: app.databaseUrl,
      });
      const past = { ...pooled, RINGBACK_DIRECT_URL: own };
      expect((await lines(past)).find((line) => line.includes(' pooler: '))).toBe(
        `green pooler: is in transaction mode; limits are set for each statement, which is spared by ALTER ${place} SET statement_timeout = '20s', and likewise jit = off`,
      );
      for (const setting of ["statement_timeout = '20s'", 'jit = off'])
        await rowsOf(admin, `ALTER ${place} SET ${setting}`);
      await using session = await PgBouncer.before(own, 'session');
      expect(await lines({ DATABASE_URL: session.url })).toContainEqual('green pooler: is in session mode');
      await expectRed(/postgresql: a pooler .* refuses the connection .*ALTER ROLE/, {
        DATABASE_URL: `${session.url}?options=-cjit%3Doff`,
      });
    });

    it("that this machine's clock is off, and by how much", async () => {
      const ahead = { now: () => Date.now() + 300_000 };
      await expectRed(
        /clock: this machine's clock is (299|300|301) s ahead of PostgreSQL's: have both set by NTP/,
        {},
        ahead,
      );
      await expectRed(/service: this machine's clock is (299|300|301) s ahead of that of http/, {}, ahead);
      expect(await lines({}, { now: () => Date.now() - 20_000 })).toContainEqual(
        expect.stringMatching(/^yellow clock: .* behind PostgreSQL's/),
      );
    });
  });

  describe('says of the queue', () => {
    it.skipIf(onRedis)('that its schema may not be used, is not there, or cannot be made', async () => {
      const { admin, own, role } = await ownDatabase();
      await rowsOf(admin, `REVOKE ALL ON SCHEMA bullmq FROM ${role}`);
      await expectRed(new RegExp(`queue: the user ${role} may not use all of the schema bullmq.*GRANT`), {
        DATABASE_URL: own,
      });
      await rowsOf(admin, 'DROP SCHEMA bullmq CASCADE');
      await expectRed(
        new RegExp(`queue: .*not there, and the user ${role} may not make it: GRANT CREATE ON DATABASE`),
        { DATABASE_URL: own },
      );
      expect(await lines({ DATABASE_URL: admin })).toContainEqual(
        expect.stringMatching(/^yellow queue: .*not there yet: a start makes it/),
      );
    });

    it('that Redis is down', async () => {
      await expectRed(/queue: Redis cannot be reached at 127\.0\.0\.1:\d+: start it, or mend REDIS_URL/, {
        REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
      });
    });

    it.skipIf(!hasRedis)('that Redis evicts, refuses the user, or is silent', async () => {
      await using redis = await RedisServer.start(undefined, ['--maxmemory-policy', 'allkeys-lru']);
      await expectRed(/queue: Redis evicts keys \(maxmemory-policy allkeys-lru\): set it to noeviction/, {
        REDIS_URL: redis.url,
      });
      await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
      expect(await lines({ REDIS_URL: redis.url })).toContainEqual('green queue: BullMQ can use Redis');
      await expectRed(/queue: Redis refuses user or password: mend them in REDIS_URL \(WRONGPASS/, {
        REDIS_URL: redis.url.replace('//:', '//nobody:wrong'),
      });
      redis.freeze();
      await expectRed(/queue: Redis cannot be reached/, { REDIS_URL: redis.url });
      redis.thaw();
    });
  });

  it('says that no process runs, or none that works', async () => {
    const database = { DATABASE_URL: await newDatabase() };
    await expectRed(/workers: no Ringback runs on this database: start one with "ringback"/, database);
    await rowsOf(database.DATABASE_URL, process('api', '{}'));
    await expectRed(/workers: no worker runs: .*RINGBACK_ROLE=worker/, database);
  });

  it('says of which type operations wait without a handler', async () => {
    await using api = await App.start({ process: { roles: new Set(['api']) } });
    await api.client.submit({ type: 'sleep', input: { seconds: 1 } });
    await api.client.submit({ type: 'echo' });
    await rowsOf(api.databaseUrl, process('worker', '{echo}'));
    const database = { DATABASE_URL: api.databaseUrl };
    await expectRed(
      /handlers: one operation of the type "sleep" waits, .* no process has a handler for it: name its module in RINGBACK_HANDLERS/,
      database,
    );
    expect((await lines(database)).join()).not.toContain('"echo"');
  });

  it('says which secret key is missing, or is another one by the same name', async () => {
    await app.client.post('/v1/endpoints', { url: 'http://127.0.0.1:9/', events: ['operation.finished'] });
    const key = Buffer.alloc(32, 8).toString('base64');
    await expectRed(
      /secrets: .* not open, .* sealed with the key "k1", which is not configured: add it to RINGBACK_SECRET_KEYS/,
      { RINGBACK_SECRET_KEYS: `k2:${key}` },
    );
    await expectRed(
      /secrets: .* does not open with the key "k1": .*another key has that name now; restore the key/,
      { RINGBACK_SECRET_KEYS: `k1:${key}` },
    );
  });

  it('says why callbacks cannot leave: the proxy, DNS, or what they may not call', async () => {
    await using sender = await App.start({ process: { roles: new Set(['api']) } });
    const database = { DATABASE_URL: sender.databaseUrl };
    const proxy = `http://user:hush@127.0.0.1:${await freePort()}`;
    const found = await lines({ ...database, RINGBACK_EGRESS_PROXY: proxy });
    expect(found).toContainEqual(
      expect.stringMatching(
        /^red proxy: no callback can leave: the proxy http:\/\/\[redacted\]@127.*ECONNREFUSED.*mend RINGBACK_EGRESS_PROXY/,
      ),
    );
    expect(found.join()).not.toContain('hush');
    // A name that no resolver is asked for (RFC 7686).
    await sender.client.post('/v1/endpoints', {
      url: 'https://receiver.onion/',
      events: ['operation.finished'],
    });
    await expectRed(
      /callbacks: of https:\/\/receiver\.onion: DNS fails for receiver\.onion .*DNS servers/,
      database,
    );
    await sender.client.post('/v1/endpoints', {
      url: `http://127.0.0.1:${app.config.http.port}/`,
      events: ['operation.finished'],
    });
    expect(await lines(database)).toContainEqual(
      expect.stringMatching(/^yellow callbacks: of https:\/\/receiver\.onion/),
    );
    await expectRed(
      /callbacks: of http:\/\/127.* may not be called, the address is not public: open it by RINGBACK_ALLOWED_PRIVATE/,
      {
        ...database,
        RINGBACK_ALLOWED_PRIVATE: '',
      },
    );
  });

  it('says that a port is taken, unless a Ringback has it', async () => {
    await using other = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await expectRed(new RegExp(`ports: port ${port} is taken: set PORT=\\d+; what has it is no Ringback`), {
      PORT: String(port),
    });
    const free = String(await freePort());
    expect(await lines({ PORT: free })).toContainEqual(`green ports: PORT ${free} can be listened on`);
  });

  it('says what a service that runs lacks, and that none answers', async () => {
    await using sick = createHttpServer((_request, response) =>
      response
        .writeHead(503)
        .end(
          JSON.stringify({ checks: { postgresql: 'ok', queue: 'it is paused', workers: 'no worker runs' } }),
        ),
    ).listen(0, '127.0.0.1');
    await once(sick, 'listening');
    const url = `http://127.0.0.1:${(sick.address() as AddressInfo).port}`;
    const found = await lines({}, { url });
    expect(found).toContainEqual(`red service: ${url} is not well, queue: it is paused`);
    expect(found).toContainEqual(`yellow service: ${url} is not well, workers: no worker runs`);
    const nobody = `http://127.0.0.1:${await freePort()}`;
    expect(await lines({}, { url: nobody })).toContainEqual(
      expect.stringMatching(/^yellow service: no service answers at /),
    );
  });

  it('says that a folder cannot be written, and makes none', async () => {
    await using other = await temporaryFolder();
    await writeFile(join(other.path, 'file'), '');
    await expectRed(
      /folders: RINGBACK_DATA_DIR: the folder .*file\/data cannot be written \(ENOTDIR\): let this user/,
      { RINGBACK_DATA_DIR: join(other.path, 'file', 'data') },
    );
    const fresh = join(other.path, 'fresh');
    expect(await lines({ RINGBACK_DATA_DIR: fresh })).toContainEqual(
      `green folders: RINGBACK_DATA_DIR ${fresh} can be written`,
    );
    expect(spawnSync('ls', [other.path], { encoding: 'utf8' }).stdout).toBe('file\n');
  });

  it('says that a disk is full', async ({ skip }) => {
    await using other = await temporaryFolder();
    const disk = join(other.path, 'disk');
    await mkdir(disk);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', disk]).status !== 0)
      skip('nothing may be mounted here');
    try {
      const files = { RINGBACK_FILES_URL: `file://${disk}` };
      expect(await lines(files)).toContainEqual(
        expect.stringMatching(/^yellow folders: RINGBACK_FILES_URL: .* has only 0 MiB left: make room/),
      );
      await writeFile(join(disk, 'large'), Buffer.alloc(200 * 1024));
      await expectRed(/folders: RINGBACK_FILES_URL: the disk of .* is full: make room/, files);
    } finally {
      spawnSync('umount', [disk]);
    }
  });

  it('says that the embedded PostgreSQL does not run', () =>
    expectRed(
      /postgresql: no Ringback runs on the data folder .*start it with "ringback", or set DATABASE_URL/,
      { DATABASE_URL: '' },
    ));

  it('names the session that has had a transaction open for long, and how it is ended', () => {
    const state = {
      deadRows: { live_operation: 10, live_delivery: 30_000 },
      oldestS: 3_600.4,
      holder: 'process 7, pg_dump',
      remedy: 'SELECT pg_terminate_backend(7)',
    };
    expect(judgeOldest(state)).toEqual({
      level: 'yellow',
      text: expect.stringMatching(
        /^one has been open for 3600 s \(process 7, pg_dump\).* 30010 dead ones .*end it: SELECT pg_terminate_backend\(7\)$/,
      ),
    });
    expect(judgeOldest({ ...state, oldestS: 59 }).level).toBe('green');
  });
});

/** A row of a process that runs. */
function process(role: string, handlers: string): string {
  return `INSERT INTO process (id, roles, version, host, capacity, running, handlers) VALUES ('proc_${randomBytes(4).toString('hex')}', '{${role}}', '0.1.0', 'test', 1, 0, '${handlers}')`;
}
