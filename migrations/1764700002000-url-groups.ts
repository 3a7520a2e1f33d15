import { readFileSync } from 'node:fs';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const TABLES = new URL('../sql/changes/url-groups.sql', import.meta.url);

/** The table of URL groups. */
export class UrlGroups1764700002000 implements MigrationInterface {
  name = 'UrlGroups1764700002000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(readFileSync(TABLES, 'utf8'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE url_group');
  }
}
