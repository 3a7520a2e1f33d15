import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { locateBinaries } from '../../src/embedded-postgres/binaries.js';
import { DataFolderInUseError, EmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.js';
import { birthOf } from '../../src/embedded-postgres/process.js';

const project = fileURLToPath(new URL('../..', import.meta.url));

describe('the embedded PostgreSQL', () => {
  let dataDir: string;
  let running: EmbeddedPostgres[];
  let service: Service | undefined;

  beforeEach(() => {
    dataDir = realpathSync(mkdtempSync(join(tmpdir(), 'ringback-embedded-')));
    running = [];
    service = undefined;
  });

  afterEach(async () => {
    await service?.kill();
    await Promise.all(running.map((server) => server.stop()));
    // A test that failed half-way leaves the killed service's server behind; the next start stops it.
    if (service) await (await EmbeddedPostgres.start({ dataDir })).stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  async function start(options: { userNamespaces?: boolean } = {}): Promise<EmbeddedPostgres> {
    // Killed on purpose, some of these servers have last words that nobody needs to see.
    const server = await EmbeddedPostgres.start({ dataDir, log: () => undefined, ...options });
    running.push(server);
    return server;
  }

  it('keeps its data over restarts, and its password, but not its port or process', async () => {
    const first = await start();
    await run(first.url, 'CREATE TABLE kept (word text)', "INSERT INTO kept VALUES ('still here')");
    await first.stop();
    expect(birthOf(first.pid)).toBeUndefined();
    expect(existsSync(join(dataDir, 'ringback.pid'))).toBe(false);

    const second = await start();
    expect(await run(second.url, 'SELECT word FROM kept')).toEqual([{ word: 'still here' }]);
    expect(second.pid).not.toBe(first.pid);
    expect(new URL(second.url).password).toBe(new URL(first.url).password);
  });

  it('listens on loopback over TCP only, asks for the password, and keeps that to its owner', async () => {
    const { url } = await start();
    const file = join(dataDir, 'postgres.password');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8').trim()).toBe(new URL(url).password);
    expect(url).toMatch(/^postgres:\/\/ringback:[\w-]{32}@127\.0\.0\.1:\d+\/ringback$/);
    expect(await run(url, 'SHOW unix_socket_directories')).toEqual([{ unix_socket_directories: '' }]);
    const wrong = new URL(url);
    wrong.password = 'guessed';
    await expect(run(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  });

  it('takes settings, and has its own for UTF-8, UTC and the churn of queues', async () => {
    const server = await EmbeddedPostgres.start({ dataDir, settings: { work_mem: '7MB' } });
    running.push(server);
    const rows = await run(
      server.url,
      `SELECT current_setting('work_mem') AS work_mem, current_setting('TimeZone') AS zone,
        current_setting('autovacuum_naptime') AS naptime, current_setting('fsync') AS fsync,
        (SELECT datlocprovider::text || ' ' || datlocale || ' ' || pg_encoding_to_char(encoding)
           FROM pg_database WHERE datname = 'ringback') AS locale`,
    );
    expect(rows).toEqual([
      { work_mem: '7MB', zone: 'UTC', naptime: '10s', fsync: 'on', locale: 'b C.UTF-8 UTF8' },
    ]);
  });

  it('says what is wrong with a setting it cannot start with, and gives the folder free', async () => {
    const broken = { dataDir, settings: { shared_buffers: 'plenty' }, log: () => undefined };
    await expect(EmbeddedPostgres.start(broken)).rejects.toThrow(/shared_buffers.*plenty/);
    await start();
  });

  it('creates its database when that is missing', async () => {
    const first = await start();
    const maintenance = first.url.replace(/ringback$/, 'postgres');
    await run(maintenance, 'DROP DATABASE ringback');
    await first.stop();
    const second = await start();
    expect(await run(second.url, 'SELECT current_database()')).toEqual([{ current_database: 'ringback' }]);
  });

  it('starts over when its first start was cut short', async () => {
    const first = await start();
    await first.stop();
    // What a crash leaves: a half-made cluster beside its place.
    rmSync(join(dataDir, 'postgres', 'PG_VERSION'));
    renameSync(join(dataDir, 'postgres'), join(dataDir, 'postgres.initdb'));
    const second = await start();
    expect(await run(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(existsSync(join(dataDir, 'postgres.initdb'))).toBe(false);
  });

  it('tells when its server is killed, and the next start has all that was committed', async () => {
    const first = await start();
    await run(first.url, 'CREATE TABLE kept (word text)', "INSERT INTO kept VALUES ('committed')");
    process.kill(first.pid, 'SIGKILL');
    expect(await first.exited).toMatchObject({ signal: 'SIGKILL' });
    await first.stop();
    const second = await start();
    expect(await run(second.url, 'SELECT word FROM kept')).toEqual([{ word: 'committed' }]);
  });

  it('refuses a data folder that another process works on, naming the folder and the remedy', async () => {
    const first = await start();
    const refusal = await EmbeddedPostgres.start({ dataDir }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(DataFolderInUseError);
    expect(refusal).toMatchObject({ code: 'DATA_FOLDER_IN_USE', pid: process.pid });
    expect((refusal as Error).message).toContain(dataDir);
    expect((refusal as Error).message).toContain('RINGBACK_DATA_DIR');
    expect(await run(first.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('stops the server of a service that was killed, and has all that was committed', async () => {
    service = await startService(dataDir);
    await expect(EmbeddedPostgres.start({ dataDir })).rejects.toThrow(`(process ${service.pid})`);
    await run(service.url, 'CREATE TABLE kept (word text)', "INSERT INTO kept VALUES ('committed')");
    await service.kill();
    expect(birthOf(service.serverPid)).toBeDefined();

    const next = await start();
    expect(birthOf(service.serverPid)).toBeUndefined();
    expect(await run(next.url, 'SELECT word FROM kept')).toEqual([{ word: 'committed' }]);
  });

  it('survives a Ctrl-C in the terminal, which signals everything the service started', async () => {
    service = await startService(dataDir);
    process.kill(-service.pid, 'SIGINT');
    await service.ended;
    expect(await run(service.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await start();
  });

  it('is not fooled by a pid that meanwhile belongs to another process', async () => {
    const first = await start();
    await first.stop();
    // The test's own process stands for an innocent one that got both the service's pid and the server's.
    writeFileSync(join(dataDir, 'ringback.pid'), `${process.pid}\nan earlier boot:1\n`);
    const pidFile = join(dataDir, 'postgres', 'postmaster.pid');
    writeFileSync(pidFile, `${process.pid}\n${join(dataDir, 'postgres')}\n1\n1\n\n127.0.0.1\n\nready\n`);
    const second = await start();
    expect(await run(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  const root = process.platform === 'linux' && process.getuid?.() === 0;
  it.runIf(root && canBeReachedByOthers())(
    'works for root with and without user namespaces, on the same data',
    async () => {
      const inside = await start();
      await run(inside.url, 'CREATE TABLE kept (word text)', "INSERT INTO kept VALUES ('moved')");
      await inside.stop();
      for (const userNamespaces of [false, true]) {
        const server = await start({ userNamespaces });
        expect(await run(server.url, 'SELECT word FROM kept')).toEqual([{ word: 'moved' }]);
        await server.stop();
      }
    },
  );

  it('names the platform it is missing for, and the way out', () => {
    expect(() => locateBinaries('plan9', 'mips')).toThrow(/plan9-mips.*DATABASE_URL/);
  });
});

async function run(url: string, ...statements: string[]): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: unknown[] = [];
    for (const statement of statements) rows = (await client.query<Record<string, unknown>>(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
}

interface Service {
  readonly pid: number;
  readonly url: string;
  readonly serverPid: number;
  readonly ended: Promise<unknown>;
  kill(): Promise<void>;
}

/** Another process that embeds PostgreSQL, in a process group of its own as a terminal would give it. */
async function startService(dataDir: string): Promise<Service> {
  const script = `
    import { runnerImport } from 'vite';
    const { module } = await runnerImport('./src/embedded-postgres/embedded-postgres.ts', { configFile: false, logLevel: 'error' });
    const server = await module.EmbeddedPostgres.start({ dataDir: process.argv[1] });
    console.log(JSON.stringify({ url: server.url, serverPid: server.pid }));
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, dataDir], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const ended = once(child, 'exit');
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { url, serverPid } = JSON.parse(line) as { url: string; serverPid: number };
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  return { pid: child.pid ?? 0, url, serverPid, ended, kill };
}

/** A checkout under a closed home folder has executables that no other user can reach. */
function canBeReachedByOthers(): boolean {
  return [...project.matchAll(/\//g)].every(
    ({ index }) => statSync(project.slice(0, index + 1)).mode & 0o001,
  );
}
