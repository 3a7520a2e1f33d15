import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ONE_PLAN } from './1764100000010-dispatch.js';

/**
 * Leases outlive an outage. While nobody reaches PostgreSQL nobody can renew one, so the process that came first afterwards took
 * all of them back from workers that live. Whoever looks for leases that have run out says so in a row: a gap there means that
 * there was an outage for everybody, whatever it was made of. A fail-over to a standby that was up all the time, or a machine
 * that slept together with its PostgreSQL, shows in no start time and to no process that came later.
 */
export class SpareLeases1764300000600 implements MigrationInterface {
  name = 'SpareLeases1764300000600';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE lease_watch (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        looked_at timestamptz NOT NULL
      );
      COMMENT ON TABLE lease_watch IS 'when a process last looked for leases that have run out: after a gap of a third of a lease, those are spared for as long';
      INSERT INTO lease_watch (looked_at) VALUES (now());

      -- Gives \`most\` back, so that a dispatch that takes it from here comes after, in the same transaction and by the same now().
      CREATE FUNCTION spare_leases(most integer, lease interval) RETURNS integer LANGUAGE plpgsql
      ${ONE_PLAN} AS $$
      DECLARE
        -- Leases are renewed as often as this, so a shorter outage lets none run out.
        third interval := lease / 3;
        last timestamptz;
        operations bigint[]; deliveries bigint[];
      BEGIN
        -- Not written with every look.
        SELECT w.looked_at INTO last FROM lease_watch w WHERE w.one;
        IF last BETWEEN now() - third / 4 AND now() + third THEN
          RETURN most;
        END IF;
        -- Who comes second waits here for the first, and finds that it has looked.
        SELECT w.looked_at INTO last FROM lease_watch w WHERE w.one FOR UPDATE;
        IF last BETWEEN now() - third / 4 AND now() + third THEN
          RETURN most;
        END IF;
        UPDATE lease_watch w SET looked_at = now() WHERE w.one;
        IF last < now() - third THEN
          operations := ARRAY(SELECT o.request_id FROM operation o WHERE o.phase = 'running' AND o.due_at < now() + third ORDER BY o.due_at);
          PERFORM FROM operation o WHERE o.request_id = ANY (operations) ORDER BY o.request_id FOR UPDATE;
          UPDATE operation o SET due_at = now() + third WHERE o.request_id = ANY (operations) AND o.phase = 'running' AND o.due_at < now() + third;
          deliveries := ARRAY(SELECT d.seq FROM delivery d WHERE d.phase = 'running' AND d.due_at < now() + third ORDER BY d.due_at);
          PERFORM FROM delivery d WHERE d.seq = ANY (deliveries) ORDER BY d.seq FOR UPDATE;
          UPDATE delivery d SET due_at = now() + third WHERE d.seq = ANY (deliveries) AND d.phase = 'running' AND d.due_at < now() + third;
        END IF;
        RETURN most;
      END $$;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION spare_leases(integer, interval); DROP TABLE lease_watch');
  }
}
