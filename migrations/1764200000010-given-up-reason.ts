import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Why a callback had been given up before its caller read the end by itself: that it did so takes the reason's place. */
export class GivenUpReason1764200000010 implements MigrationInterface {
  name = 'GivenUpReason1764200000010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE delivery ADD COLUMN given_up_reason text;
      COMMENT ON COLUMN delivery.given_up_reason IS 'where the reason is acknowledged_by_poll: the one before it, of a callback that was given up';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE delivery DROP COLUMN given_up_reason');
  }
}
