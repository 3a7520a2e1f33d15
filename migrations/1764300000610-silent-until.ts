import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The silence of an operation whose submit tells its end is bounded by a time: its callback is owed from the end on, waits until
 * then, and is taken back once the answer is out. An answer that never comes, whatever happens to the process, is called back.
 */
export class SilentUntil1764300000610 implements MigrationInterface {
  name = 'SilentUntil1764300000610';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE operation ADD COLUMN silent_until timestamptz;
      COMMENT ON COLUMN operation.silent_until IS 'until when its own callback waits for the submit''s answer to tell the end in its place';
      UPDATE operation SET silent = false WHERE silent AND due_at IS NOT NULL;
      COMMENT ON COLUMN operation.silent IS 'the submit''s answer has told the end: its own callback is owed nothing';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE operation DROP COLUMN silent_until;
      COMMENT ON COLUMN operation.silent IS 'an end while this is set owes its own callback nothing: the submit, which still waits, tells it';
    `);
  }
}
