import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What an account may use of what all share. */
export class Quotas1764450000110 implements MigrationInterface {
  name = 'Quotas1764450000110';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE account ADD COLUMN quota_bytes bigint CHECK (quota_bytes >= 0);
      ALTER TABLE account ADD COLUMN quota_waiting integer CHECK (quota_waiting >= 0);
      ALTER TABLE account ADD COLUMN requests_per_s double precision CHECK (requests_per_s >= 0);
      COMMENT ON COLUMN account.quota_bytes IS 'bytes that it may have stored; 0 for any, null for RINGBACK_QUOTA_BYTES';
      COMMENT ON COLUMN account.quota_waiting IS 'operations that it may have Waiting; 0 for any, null for RINGBACK_QUOTA_WAITING';
      COMMENT ON COLUMN account.requests_per_s IS 'requests that it may make a second, per process; 0 for any, null for RINGBACK_REQUESTS_PER_S';
      -- Those that wait for a place or a worker are found by the indexes of the dispatcher; few are ever scheduled.
      CREATE INDEX operation_scheduled ON operation (account_id) WHERE phase = 'scheduled';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX operation_scheduled;
      ALTER TABLE account DROP COLUMN quota_bytes, DROP COLUMN quota_waiting, DROP COLUMN requests_per_s;
    `);
  }
}
