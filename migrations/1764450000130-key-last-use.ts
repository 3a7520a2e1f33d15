import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When a key was last used, so that one that nobody needs can be found. */
export class KeyLastUse1764450000130 implements MigrationInterface {
  name = 'KeyLastUse1764450000130';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE api_key ADD COLUMN last_used_at timestamptz;
      COMMENT ON COLUMN api_key.last_used_at IS 'to about a minute';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE api_key DROP COLUMN last_used_at');
  }
}
