import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runMigrations } from 'bullmq';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import 'reflect-metadata';
import { dataSourceOptions } from '../../ormconfig.js';
import { connect } from '../../src/database/connection.js';
import { EmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.js';

/** The database that every test file copies. */
export const TEMPLATE = 'ringback_template';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of a server that all test files share; each makes databases of its own on it. */
    postgresUrl: string;
  }
}

/** One PostgreSQL for all test files: RINGBACK_TEST_POSTGRES_URL, as a superuser, or else an embedded one; and the database they copy. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env.RINGBACK_TEST_POSTGRES_URL;
  const server = given ? { url: given, stop: () => Promise.resolve() } : await embedded();
  const template = new URL(server.url);
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  await admin.query(`DROP DATABASE IF EXISTS ${TEMPLATE}`);
  await admin.query(`CREATE DATABASE ${TEMPLATE}`);
  await admin.end();
  template.pathname = `/${TEMPLATE}`;
  const dataSource = await connect(dataSourceOptions(template.href, 2));
  await dataSource.destroy();
  const queue = new pg.Client({ connectionString: template.href });
  await queue.connect();
  await runMigrations(queue, 'bullmq');
  await queue.end();
  project.provide('postgresUrl', server.url);
  return () => server.stop();
}

async function embedded(): Promise<{ url: string; stop(): Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'ringback-tests-'));
  const server = await EmbeddedPostgres.start({ dataDir, settings: { max_connections: '400' } });
  return {
    url: server.url,
    stop: async () => {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
