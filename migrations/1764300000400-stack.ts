import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where a handler failed, kept beside what its caller is told. */
export class Stack1764300000400 implements MigrationInterface {
  name = 'Stack1764300000400';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE history_entry ADD COLUMN stack text;
      COMMENT ON COLUMN history_entry.stack IS 'of a failed attempt: the stack of its error and of the causes; shown to keys with the scope admin only';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE history_entry DROP COLUMN stack');
  }
}
