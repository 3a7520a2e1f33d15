import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const FOLDER = new URL('../sql/functions/', import.meta.url);
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.sql'));
const TEXTS = FILES.toSorted().map((name) => readFileSync(new URL(name, FOLDER), 'utf8'));
const VERSION = createHash('sha256').update(TEXTS.join('\0')).digest('hex').slice(0, 12);

/**
 * Makes the functions of sql/functions. Its name tells what they say, so it runs again wherever one has changed, and after all
 * the others: the end of a name is the time by which TypeORM sorts. Each file replaces its function; a function that changes its
 * arguments or what it answers needs another name, or a migration that drops it.
 */
export class Functions implements MigrationInterface {
  name = `Functions${VERSION}9999999999999`;

  async up(runner: QueryRunner): Promise<void> {
    // A function may be named before its file's turn: bodies in PL/pgSQL are read when they run.
    for (const text of TEXTS) await runner.query(text);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const file of FILES) await runner.query(`DROP FUNCTION IF EXISTS ${file.slice(0, -'.sql'.length)}`);
  }
}
