import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Receivers differ in what they take: from which size a body leaves the result out is theirs to say. */
export class ThinOver1764430000100 implements MigrationInterface {
  name = 'ThinOver1764430000100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE operation ADD COLUMN callback_thin_over integer;
      COMMENT ON COLUMN operation.callback_thin_over IS 'bytes: a larger body of its own callback leaves the result out; null: the setting''s';
      ALTER TABLE endpoint ADD COLUMN thin_over integer;
      COMMENT ON COLUMN endpoint.thin_over IS 'bytes: a larger body leaves the result out; null: the setting''s';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE endpoint DROP COLUMN thin_over;
      ALTER TABLE operation DROP COLUMN callback_thin_over;
    `);
  }
}
