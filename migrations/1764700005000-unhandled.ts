import { readFileSync } from 'node:fs';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const CHANGE = new URL('../sql/changes/unhandled.sql', import.meta.url);

/** Since when no worker has had an operation's type. */
export class Unhandled1764700005000 implements MigrationInterface {
  name = 'Unhandled1764700005000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(readFileSync(CHANGE, 'utf8'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE live_operation DROP COLUMN unhandled_since');
  }
}
