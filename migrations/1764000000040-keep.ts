import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Retention, the ledger and traces: when ended rows are looked at again, what was booked, and the caller's trace. */
export class Keep1764000000040 implements MigrationInterface {
  name = 'Keep1764000000040';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE operation ADD COLUMN sweep_at timestamptz, ADD COLUMN emptied_at timestamptz, ADD COLUMN traceparent text;
      COMMENT ON COLUMN operation.sweep_at IS 'when housekeeping next looks at an ended row; null: at expires_at';
      COMMENT ON COLUMN operation.emptied_at IS 'when input, result and the bodies of its deliveries were deleted';
      COMMENT ON COLUMN operation.traceparent IS 'W3C trace context of the request that submitted it';
      -- Also what the ledger counts ended rows by, from the index alone.
      CREATE INDEX operation_sweep ON operation (coalesce(sweep_at, expires_at)) INCLUDE (state, type) WHERE due_at IS NULL;

      ALTER TABLE delivery ADD COLUMN accepted_at timestamptz, ADD COLUMN traceparent text;
      COMMENT ON COLUMN delivery.accepted_at IS 'when its operation was accepted';
      COMMENT ON COLUMN delivery.traceparent IS 'of its operation';
      CREATE INDEX delivery_ended ON delivery (state) WHERE phase IS NULL AND destination = 'callback';
      CREATE INDEX delivery_unattached ON delivery (created_at) WHERE operation_id IS NULL;

      ALTER TABLE file ADD COLUMN operation_id bigint,
        ADD COLUMN phase text NOT NULL DEFAULT 'stored' CHECK (phase IN ('writing', 'stored', 'going'));
      COMMENT ON COLUMN file.operation_id IS 'the operation that stored it, and whose expiry it shares; null: an upload';
      COMMENT ON COLUMN file.phase IS 'writing: its bytes are on their way; going: its bytes are being deleted, the row last';
      CREATE INDEX file_operation ON file (operation_id) WHERE operation_id IS NOT NULL;
      CREATE INDEX file_expiry ON file (expires_at) WHERE expires_at IS NOT NULL;

      CREATE TABLE file_use (
        operation_id bigint NOT NULL,
        file_id text NOT NULL,
        PRIMARY KEY (operation_id, file_id)
      );
      CREATE INDEX file_use_file ON file_use (file_id);
      COMMENT ON TABLE file_use IS 'files that the inputs of operations name: kept as long as these may run';

      CREATE INDEX idempotency_key_expiry ON idempotency_key (expires_at);
      CREATE INDEX callback_host_age ON callback_host (first_used_at);

      CREATE TABLE chore (
        name text PRIMARY KEY,
        due_at timestamptz NOT NULL
      );
      COMMENT ON TABLE chore IS 'whose turn it is: a process that takes a due row does that work, and the others let it';
      INSERT INTO chore (name, due_at) VALUES ('housekeeping', now() + interval '1 minute');

      CREATE TABLE ledger (
        accepted bigint NOT NULL,
        destined bigint NOT NULL,
        one boolean PRIMARY KEY DEFAULT true CHECK (one)
      );
      CREATE TABLE ledger_entry (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        accepted integer NOT NULL,
        destined integer NOT NULL
      );
      COMMENT ON TABLE ledger IS 'operations that were accepted, and those of them with a callback, less the ones that retention deleted: the sum of this row and of the entries';
      COMMENT ON TABLE ledger_entry IS 'booked by the statement that accepts or deletes operations; housekeeping adds them up';
      INSERT INTO ledger (accepted, destined) SELECT count(*), count(callback_url) FROM operation;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE ledger_entry, ledger, chore, file_use;
      DROP INDEX callback_host_age, idempotency_key_expiry, file_expiry, file_operation, delivery_unattached, delivery_ended, operation_sweep;
      ALTER TABLE file DROP COLUMN phase, DROP COLUMN operation_id;
      ALTER TABLE delivery DROP COLUMN traceparent, DROP COLUMN accepted_at;
      ALTER TABLE operation DROP COLUMN traceparent, DROP COLUMN emptied_at, DROP COLUMN sweep_at;
    `);
  }
}
