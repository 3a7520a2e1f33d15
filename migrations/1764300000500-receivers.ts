import type { MigrationInterface, QueryRunner } from 'typeorm';
import { FUNCTIONS } from './1764300000500-receivers.functions.js';

/**
 * Turns inside an origin, over accounts and their URLs, so that a receiver which hangs delays no other at its host. The function
 * that dispatches without them stays, for processes of an older version.
 */
export class Receivers1764300000500 implements MigrationInterface {
  name = 'Receivers1764300000500';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE delivery ADD COLUMN receiver bigint NOT NULL DEFAULT 1;
      COMMENT ON COLUMN delivery.receiver IS 'of callbacks what takes turns inside their origin: the account (high half) and its URL without the query; 1 of an endpoint';
      ALTER TABLE delivery ADD COLUMN doubt smallint NOT NULL DEFAULT 0;
      COMMENT ON COLUMN delivery.doubt IS 'of its receiver when it was hinted: 0 known to answer, 1 unknown, 2 silent, or of an origin that has never answered 2xx';

      ALTER TABLE origin ADD COLUMN receiver text;
      COMMENT ON COLUMN origin.receiver IS 'the only one that is known there; empty: there are others, for whom a part of its room is kept';

      CREATE TABLE receiver (
        lane text NOT NULL,
        receiver bigint NOT NULL,
        answers boolean NOT NULL,
        known_at timestamptz NOT NULL DEFAULT now(),
        rests_until timestamptz NOT NULL DEFAULT '-infinity',
        PRIMARY KEY (lane, receiver)
      );
      COMMENT ON TABLE receiver IS 'whether those that deliveries go to have answered or were silent, as known since their last change';
      COMMENT ON COLUMN receiver.rests_until IS 'as of origins';
      CREATE INDEX receiver_known ON receiver (known_at);

      -- Never 0, behind which turns begin.
      CREATE FUNCTION receiver_of(account_id text, url text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
        SELECT (hashtext(account_id)::bigint << 32) | (hashtext(split_part(url, '?', 1))::bigint & 4294967295) | 1
      $$;
    `);
    await this.replace(
      runner,
      'delivery_ready',
      `delivery (lane, receiver, run_at, seq) WHERE phase = 'ready'`,
    );
    await this.replace(
      runner,
      'delivery_lane_in_flight',
      `delivery (lane, due_at) WHERE phase IN ('hinted', 'running') AND endpoint_id IS NOT NULL`,
    );
    for (const sql of FUNCTIONS) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP FUNCTION dispatch_deliveries(integer, interval, integer, integer, bigint);
      DROP FUNCTION ready_at;
      DROP FUNCTION receivers_of;
      DROP FUNCTION receiver_of;
    `);
    await this.replace(
      runner,
      'delivery_lane_in_flight',
      `delivery (lane, due_at) WHERE phase IN ('hinted', 'running')`,
    );
    await this.replace(runner, 'delivery_ready', `delivery (lane, run_at, seq) WHERE phase = 'ready'`);
    await runner.query(`
      DROP TABLE receiver;
      ALTER TABLE origin DROP COLUMN receiver;
      ALTER TABLE delivery DROP COLUMN doubt;
      ALTER TABLE delivery DROP COLUMN receiver;
    `);
  }

  /** A statement of its own each: the time that a statement may take is bounded. */
  private async replace(runner: QueryRunner, index: string, on: string): Promise<void> {
    await runner.query(`DROP INDEX ${index}`);
    await runner.query(`CREATE INDEX ${index} ON ${on}`);
  }
}
