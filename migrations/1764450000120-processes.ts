import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which processes run, and what they do. */
export class Processes1764450000120 implements MigrationInterface {
  name = 'Processes1764450000120';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE process (
        id text PRIMARY KEY,
        roles text[] NOT NULL,
        version text NOT NULL,
        host text NOT NULL,
        started_at timestamptz NOT NULL DEFAULT now(),
        seen_at timestamptz NOT NULL DEFAULT now(),
        capacity integer NOT NULL,
        running integer NOT NULL,
        handlers text[] NOT NULL
      );
      COMMENT ON TABLE process IS 'who works: each process says so every 10 s; nothing is decided by it';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE process');
  }
}
