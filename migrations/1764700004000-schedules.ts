import { readFileSync } from 'node:fs';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const CHANGE = new URL('../sql/changes/schedules.sql', import.meta.url);

/** Which processes may take a schedule's ticks. */
export class Schedules1764700004000 implements MigrationInterface {
  name = 'Schedules1764700004000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(readFileSync(CHANGE, 'utf8'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE schedule DROP COLUMN since');
  }
}
