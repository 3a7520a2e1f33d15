import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The log tells where an attempt was sent twice, because the receiver dropped a kept connection just as it was used. */
export class Resent1764300000620 implements MigrationInterface {
  name = 'Resent1764300000620';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE attempt ADD COLUMN resent boolean NOT NULL DEFAULT false;
      COMMENT ON COLUMN attempt.resent IS 'sent once more over a new connection: the kept one broke before any answer, and the receiver may have seen both';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE attempt DROP COLUMN resent');
  }
}
