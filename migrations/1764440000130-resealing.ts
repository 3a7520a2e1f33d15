import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How far housekeeping has sealed values anew that an older secret key sealed, so that the older one can be retired. */
export class Resealing1764440000130 implements MigrationInterface {
  name = 'Resealing1764440000130';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE resealing (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        key_id text NOT NULL DEFAULT '',
        source integer NOT NULL DEFAULT 0,
        reached text,
        left_over integer NOT NULL DEFAULT 0,
        due_at timestamptz
      );
      INSERT INTO resealing DEFAULT VALUES;
      COMMENT ON TABLE resealing IS 'how far the sealed values have been sealed anew with the first secret key';
      COMMENT ON COLUMN resealing.source IS 'which kind of sealed values is being looked at';
      COMMENT ON COLUMN resealing.reached IS 'the last row of it that was looked at; null: none yet';
      COMMENT ON COLUMN resealing.left_over IS 'values of this walk that are still sealed with another key';
      COMMENT ON COLUMN resealing.due_at IS 'when the next walk begins; null: one is on its way';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE resealing');
  }
}
