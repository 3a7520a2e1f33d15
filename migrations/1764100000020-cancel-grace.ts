import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Handlers get a time to stop in when their operation is canceled. */
export class CancelGrace1764100000020 implements MigrationInterface {
  name = 'CancelGrace1764100000020';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE operation ADD COLUMN cancel_at timestamptz;
      COMMENT ON COLUMN operation.cancel_at IS 'a caller asked to cancel it: when it ends as Canceled whatever its handler does';
      CREATE INDEX operation_canceling ON operation (cancel_at) WHERE cancel_at IS NOT NULL AND due_at IS NOT NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX operation_canceling;
      ALTER TABLE operation DROP COLUMN cancel_at;
    `);
  }
}
