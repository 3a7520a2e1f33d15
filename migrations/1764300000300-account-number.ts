import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A number for each account, in the order in which they were made: what `user_id` shows on the bgrs face. */
export class AccountNumber1764300000300 implements MigrationInterface {
  name = 'AccountNumber1764300000300';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Nobody makes an account between the numbering and the identity.
      LOCK TABLE account IN ACCESS EXCLUSIVE MODE;
      ALTER TABLE account ADD COLUMN number bigint;
      UPDATE account a SET number = o.number
      FROM (SELECT id, row_number() OVER (ORDER BY created_at, id) AS number FROM account) o WHERE o.id = a.id;
      ALTER TABLE account ALTER COLUMN number SET NOT NULL, ADD CONSTRAINT account_number_key UNIQUE (number),
        ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY;
      SELECT setval(pg_get_serial_sequence('account', 'number'), coalesce(max(number), 0) + 1, false) FROM account;
      COMMENT ON COLUMN account.number IS 'from 1, in the order in which accounts were made';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE account DROP COLUMN number');
  }
}
