import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const FOLDER = new URL('../sql/functions/', import.meta.url);
/** Name → text. */
const FUNCTIONS = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.sql'))
  .toSorted()
  .map((file) => [file.slice(0, -'.sql'.length), readFileSync(new URL(file, FOLDER), 'utf8')] as const);
const VERSION = createHash('sha256').update(FUNCTIONS.join('\0')).digest('hex').slice(0, 12);

/** PostgreSQL's code of a function whose arguments' names or whose answer can't be replaced. */
const INVALID_FUNCTION_DEFINITION = '42P13';

/**
 * Makes the functions of sql/functions. Its name tells what they say, so it runs again wherever one has changed, and after all
 * the others: the end of a name is the time by which TypeORM sorts. Each file replaces its function. One whose arguments have
 * other types stands beside the one before, for processes that still call that.
 */
export class Functions implements MigrationInterface {
  name = `Functions${VERSION}9999999999999`;

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
    await runner.query('SELECT make_partitions()');
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const [name] of FUNCTIONS) await drop(runner, name);
  }
}

/** With all its forms. */
async function drop(runner: QueryRunner, name: string): Promise<void> {
  const forms = (await runner.query(
    'SELECT oid::regprocedure::text AS form FROM pg_proc WHERE proname = $1 AND pronamespace = current_schema()::regnamespace',
    [name],
  )) as { form: string }[];
  for (const { form } of forms) await runner.query(`DROP FUNCTION ${form}`);
}
