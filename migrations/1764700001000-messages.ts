import { readFileSync } from 'node:fs';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const CHANGE = new URL('../sql/changes/messages.sql', import.meta.url);

/** The keys that sign messages in QStash's way. */
export class Messages1764700001000 implements MigrationInterface {
  name = 'Messages1764700001000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(readFileSync(CHANGE, 'utf8'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE message_key');
  }
}
