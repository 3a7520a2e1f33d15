import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Accounts that are disabled or deleted. */
export class AccountEnds1764440000120 implements MigrationInterface {
  name = 'AccountEnds1764440000120';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE account ADD COLUMN disabled_at timestamptz, ADD COLUMN deleted_at timestamptz;
      COMMENT ON COLUMN account.disabled_at IS 'since when its keys are refused';
      COMMENT ON COLUMN account.deleted_at IS 'nobody finds it any more; housekeeping deletes what it has, and this row last';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE account DROP COLUMN disabled_at, DROP COLUMN deleted_at;
    `);
  }
}
