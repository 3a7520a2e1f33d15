import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Accounts that are disabled or deleted, and when a key was last used. */
export class AccountEnds1764440000120 implements MigrationInterface {
  name = 'AccountEnds1764440000120';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE account ADD COLUMN disabled_at timestamptz, ADD COLUMN deleted_at timestamptz;
      ALTER TABLE api_key ADD COLUMN last_used_at timestamptz;
      COMMENT ON COLUMN account.disabled_at IS 'since when its keys are refused';
      COMMENT ON COLUMN account.deleted_at IS 'nobody finds it any more; housekeeping deletes what it has, and this row last';
      COMMENT ON COLUMN api_key.last_used_at IS 'to a minute or so';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE api_key DROP COLUMN last_used_at;
      ALTER TABLE account DROP COLUMN disabled_at, DROP COLUMN deleted_at;
    `);
  }
}
