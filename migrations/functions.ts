import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { VERSION } from '../src/config/version.js';
import { LAST_RELEASE } from './last-release.js';

const FOLDER = new URL('../sql/functions/', import.meta.url);
/** Name → text. */
const FUNCTIONS = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.sql'))
  .toSorted()
  .map((file) => [file.slice(0, -'.sql'.length), readFileSync(new URL(file, FOLDER), 'utf8')] as const);
const HASH = createHash('sha256').update(FUNCTIONS.join('\0')).digest('hex').slice(0, 12);

/** PostgreSQL's code of a function whose arguments' names or whose answer can't be replaced. */
const INVALID_FUNCTION_DEFINITION = '42P13';

/**
 * Makes the functions of sql/functions. Its name tells what they say, so it runs again wherever one has changed, and after all
 * the others: the end of a name is the time by which TypeORM sorts. Each file replaces its function. One whose arguments have
 * other types stands beside the one before, for processes that still call that.
 *
 * Processes of the last release run on while their functions are replaced, in the middle of calls, and so may one that is started
 * again: all that sql/released.txt has keeps its name, arguments and answer (CONTRIBUTING.md).
 */
export class Functions implements MigrationInterface {
  name = `Functions${HASH}9999999999999`;

  async up(runner: QueryRunner): Promise<void> {
    // In any order: bodies are read when they run.
    await runner.query('SET LOCAL check_function_bodies = off');
    for (const [name, text] of FUNCTIONS) {
      await runner.query('SAVEPOINT before');
      try {
        await runner.query(text);
      } catch (error) {
        if ((error as { code?: unknown }).code !== INVALID_FUNCTION_DEFINITION) throw error;
        await runner.query('ROLLBACK TO SAVEPOINT before');
        await drop(runner, name);
        await runner.query(text);
      }
    }
    for (const form of LAST_RELEASE.retired) await runner.query(`DROP FUNCTION IF EXISTS ${form}`);
    await runner.query('SELECT make_partitions()');
    await standIn(runner, this.name);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const [name] of FUNCTIONS) await drop(runner, name);
    await runner.query('DELETE FROM migrations WHERE name = $1', [LAST_RELEASE.functions]);
  }
}

/**
 * These functions are the last release's too: on a database that it has never seen, it would put its own over them. And whoever is
 * too old for this schema is told.
 */
async function standIn(runner: QueryRunner, name: string): Promise<void> {
  if (LAST_RELEASE.functions !== name)
    await runner.query(
      'INSERT INTO migrations (timestamp, name) SELECT 0, $1::text WHERE NOT EXISTS (SELECT FROM migrations WHERE name = $1::text)',
      [LAST_RELEASE.functions],
    );
  await runner.query(
    `COMMENT ON TABLE migrations IS 'of Ringback ${VERSION}; ${LAST_RELEASE.version} and newer run on it'`,
  );
}

/** With all its forms. */
async function drop(runner: QueryRunner, name: string): Promise<void> {
  const forms = (await runner.query(
    'SELECT oid::regprocedure::text AS form FROM pg_proc WHERE proname = $1 AND pronamespace = current_schema()::regnamespace',
    [name],
  )) as { form: string }[];
  for (const { form } of forms) await runner.query(`DROP FUNCTION ${form}`);
}
