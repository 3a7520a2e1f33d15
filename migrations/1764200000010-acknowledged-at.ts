import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When a caller read by itself what its callback was to tell: beside the reason why that was given up, not in its place. */
export class AcknowledgedAt1764200000010 implements MigrationInterface {
  name = 'AcknowledgedAt1764200000010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE delivery ADD COLUMN acknowledged_at timestamptz;
      COMMENT ON COLUMN delivery.acknowledged_at IS 'when its ack_by_poll caller had read how the operation ended, and needed no callback';
      -- When it was is not known any more, and only whether it was is asked for.
      UPDATE delivery SET acknowledged_at = now() WHERE reason = 'acknowledged_by_poll';
      DROP INDEX delivery_undelivered;
      CREATE INDEX delivery_undelivered ON delivery (account_id, operation_id) WHERE state <> 'Delivered' AND acknowledged_at IS NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      UPDATE delivery SET reason = 'acknowledged_by_poll' WHERE acknowledged_at IS NOT NULL;
      DROP INDEX delivery_undelivered;
      CREATE INDEX delivery_undelivered ON delivery (account_id, operation_id)
        WHERE state <> 'Delivered' AND reason IS DISTINCT FROM 'acknowledged_by_poll';
      ALTER TABLE delivery DROP COLUMN acknowledged_at;
    `);
  }
}
