import { readFileSync } from 'node:fs';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const CHANGES = ['url-groups', 'queues'].map(
  (name) => new URL(`../sql/changes/${name}.sql`, import.meta.url),
);

/** What URL groups and queues need. */
export class GroupsAndQueues1764700002000 implements MigrationInterface {
  name = 'GroupsAndQueues1764700002000';

  async up(runner: QueryRunner): Promise<void> {
    for (const change of CHANGES) await runner.query(readFileSync(change, 'utf8'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE flow DROP COLUMN created_at; DROP TABLE url_group');
  }
}
