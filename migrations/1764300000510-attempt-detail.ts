import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What only an operator may know of a failed attempt. */
export class AttemptDetail1764300000510 implements MigrationInterface {
  name = 'AttemptDetail1764300000510';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE attempt ADD COLUMN detail text;
      COMMENT ON COLUMN attempt.detail IS 'shown to keys with the scope admin only: an address that DNS answered, for instance';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE attempt DROP COLUMN detail');
  }
}
