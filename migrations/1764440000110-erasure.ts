import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Operations that were erased before their time. */
export class Erasure1764440000110 implements MigrationInterface {
  name = 'Erasure1764440000110';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE operation ADD COLUMN erased_at timestamptz;
      COMMENT ON COLUMN operation.erased_at IS 'when its caller had it emptied; it is deleted in its time';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE operation DROP COLUMN erased_at');
  }
}
