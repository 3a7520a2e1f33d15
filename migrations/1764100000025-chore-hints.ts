import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Housekeeping goes through a queue: its row has an epoch, so that a hint that comes twice or late does nothing. */
export class ChoreHints1764100000025 implements MigrationInterface {
  name = 'ChoreHints1764100000025';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE chore ADD COLUMN epoch integer NOT NULL DEFAULT 0;
      COMMENT ON COLUMN chore.epoch IS 'grows with every dispatch and claim: what names an older one is void';
      COMMENT ON TABLE chore IS 'recurring work of the whole installation: dispatched and claimed like an operation';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      COMMENT ON TABLE chore IS 'whose turn it is: a process that takes a due row does that work, and the others let it';
      ALTER TABLE chore DROP COLUMN epoch;
    `);
  }
}
