import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Recoveries of operations' own callbacks too, and of what still waits. One goes forward in lanes of its own, so that a receiver
 * that hangs holds up no other's.
 */
export class Recoveries1764440000100 implements MigrationInterface {
  name = 'Recoveries1764440000100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE recovery;
      CREATE TABLE recovery (
        id text PRIMARY KEY,
        account_id text NOT NULL,
        endpoint_id text,
        since timestamptz NOT NULL,
        until timestamptz NOT NULL,
        reason text,
        pending boolean NOT NULL,
        found integer NOT NULL,
        requeued integer NOT NULL,
        state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'finished', 'canceled')),
        created_at timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz
      );
      COMMENT ON COLUMN recovery.endpoint_id IS 'null: of the account''s operations'' own callbacks';
      COMMENT ON COLUMN recovery.reason IS 'only what was given up for this; null: for whatever';
      COMMENT ON COLUMN recovery.pending IS 'also what waits for its next attempt';
      COMMENT ON COLUMN recovery.found IS 'as counted when it began';
      COMMENT ON COLUMN recovery.requeued IS 'brought forward so far';
      CREATE INDEX recovery_running ON recovery (created_at) WHERE state = 'running';
      CREATE INDEX recovery_account ON recovery (account_id);
      CREATE TABLE recovery_lane (
        recovery_id text NOT NULL REFERENCES recovery (id) ON DELETE CASCADE,
        lane text NOT NULL,
        reached bigint NOT NULL DEFAULT 0,
        done boolean NOT NULL DEFAULT false,
        PRIMARY KEY (recovery_id, lane)
      );
      COMMENT ON COLUMN recovery_lane.reached IS 'the last delivery (seq) that was looked at: where it goes on after a crash';
      -- Neither has a row of a delivery that its first attempt delivers.
      CREATE INDEX delivery_recoverable ON delivery (account_id, lane, seq) WHERE state = 'Exhausted' OR phase = 'scheduled';
      CREATE INDEX delivery_recovering ON delivery (account_id, lane) WHERE state = 'Pending' AND trigger = 'recovery';
      COMMENT ON COLUMN delivery.delivered_at IS 'the first time; it stays while a delivery is sent again by hand';
      COMMENT ON COLUMN delivery.given_up_reason IS 'of a callback that was given up, and then acknowledged by poll: why it was; it stays while it is redelivered by hand';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX delivery_recoverable, delivery_recovering;
      DROP TABLE recovery_lane, recovery;
      CREATE TABLE recovery (
        id text PRIMARY KEY,
        account_id text NOT NULL,
        endpoint_id text NOT NULL REFERENCES endpoint (id) ON DELETE CASCADE,
        since timestamptz NOT NULL,
        until timestamptz NOT NULL,
        reached bigint NOT NULL DEFAULT 0,
        requeued integer NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz
      );
      CREATE INDEX recovery_unfinished ON recovery (created_at) WHERE finished_at IS NULL;
      COMMENT ON COLUMN recovery.reached IS 'the last delivery (seq) that was looked at: where it goes on after a crash';
    `);
  }
}
