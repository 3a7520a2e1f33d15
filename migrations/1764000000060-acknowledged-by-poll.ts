import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Operations whose callback is owed no more once their caller has read how they ended, and whose turn it is to be dispatched. */
export class AcknowledgedByPoll1764000000060 implements MigrationInterface {
  name = 'AcknowledgedByPoll1764000000060';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE operation ADD COLUMN ack_by_poll boolean NOT NULL DEFAULT false;
      COMMENT ON COLUMN operation.ack_by_poll IS 'a caller that has read the end needs no callback: that ends its delivery';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE operation DROP COLUMN ack_by_poll');
  }
}
