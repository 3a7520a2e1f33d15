import { readdirSync, readFileSync } from 'node:fs';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const FOLDER = new URL('../sql/foundation/', import.meta.url);

/** The tables, in the order of their files' names: the rows that own every state, timer and retry. */
export class Foundation1764600000000 implements MigrationInterface {
  name = 'Foundation1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const file of readdirSync(FOLDER).toSorted())
      await runner.query(readFileSync(new URL(file, FOLDER), 'utf8'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP VIEW attempt_view, delivery_view, history_view, operation_view;
      DROP TABLE live_poll, stats, stats_reached, endpoint_disabling, live_delivery, undelivered, attempt, delivery_end, delivery, ledger_entry, ledger, live_operation, completion, history_entry,
        operation_end, operation, record_partition, resealing, fairness_cursor, lease_watch, process, chore, idempotency_key, origin_call,
        file_use, file, recovery_lane, recovery, receiver, origin, signing_secret, endpoint, callback_host, audit, console_session,
        auth_token, api_key, account;
      DROP SEQUENCE entry_id, record_id, feed_id;
      DROP FUNCTION refuse_move, refuse_ended_operations, refuse_ended_deliveries, note_disabling;
      DROP TYPE open_lane;
      DROP TYPE made_attempt;
    `);
  }
}
