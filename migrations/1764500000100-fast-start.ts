import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whether a callback waits at an origin, in whatever lane: none begins at once where one does. */
export class FastStart1764500000100 implements MigrationInterface {
  name = 'FastStart1764500000100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX delivery_waiting ON delivery (origin, seq) WHERE phase = 'ready'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX delivery_waiting');
  }
}
