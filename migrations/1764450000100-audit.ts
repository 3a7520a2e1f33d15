import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who did what, when and from where: keys, accounts, secrets, endpoints, and logins that failed. */
export class Audit1764450000100 implements MigrationInterface {
  name = 'Audit1764450000100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        account_id text,
        actor_key_id text,
        actor_name text,
        address text,
        action text NOT NULL,
        target text,
        details jsonb NOT NULL DEFAULT '{}',
        sum_key text
      );
      COMMENT ON TABLE audit IS 'what was done with keys, accounts, secrets and endpoints, and logins; never changed but for a count, deleted when RINGBACK_AUDIT_RETENTION is over';
      COMMENT ON COLUMN audit.account_id IS 'the account that it concerns; it may be gone by now';
      COMMENT ON COLUMN audit.sum_key IS 'minute and kind of what is summed up: the same once more only makes its count grow';
      CREATE INDEX audit_account ON audit (account_id, id);
      CREATE INDEX audit_at ON audit (at);
      CREATE UNIQUE INDEX audit_sum ON audit (sum_key) WHERE sum_key IS NOT NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE audit');
  }
}
