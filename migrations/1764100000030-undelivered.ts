import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What an account's callbacks have not told yet: a consumer that was down reads it page by page. */
export class Undelivered1764100000030 implements MigrationInterface {
  name = 'Undelivered1764100000030';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Nearly every delivery leaves it within moments, so it stays small however many are kept.
      CREATE INDEX delivery_undelivered ON delivery (account_id, operation_id)
        WHERE state <> 'Delivered' AND reason IS DISTINCT FROM 'acknowledged_by_poll';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX delivery_undelivered');
  }
}
