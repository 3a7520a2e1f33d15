-- Makes partitions of the record tables until two whole ones lie ahead of the numbers that are given: an insert that finds none
-- fails. Notes which of them give numbers. Each may give four times as many as the last that was closed has given, 262,144 at the
-- least and 16,777,216 at the most: those are eight million operations with a callback.
-- Attached rather than created in place, which would wait for everybody who reads or writes the tables, and hold up all others.
CREATE OR REPLACE FUNCTION make_partitions() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  last bigint; called boolean; lower bigint; size bigint; parent text; part text; owner regrole;
BEGIN
  PERFORM pg_advisory_xact_lock(7164225006);
  LOOP
    SELECT s.last_value, s.is_called INTO last, called FROM record_id s;
    UPDATE record_partition p SET opened_at = now() WHERE p.opened_at IS NULL AND (p.lower < last OR (p.lower = last AND called));
    UPDATE record_partition p SET closed_at = now(), given = p.upper - p.lower WHERE p.closed_at IS NULL AND p.upper <= last;
    EXIT WHEN (SELECT count(*) FROM record_partition p WHERE p.lower > last) >= 2;
    SELECT coalesce(max(p.upper), 1) INTO lower FROM record_partition p;
    size := (SELECT p.given FROM record_partition p WHERE p.closed_at IS NOT NULL ORDER BY p.lower DESC LIMIT 1);
    size := least(greatest(4 * coalesce(size, 0), 262144), 16777216);
    FOREACH parent IN ARRAY ARRAY['operation', 'operation_end', 'history_entry', 'delivery', 'delivery_end', 'attempt'] LOOP
      part := parent || '_' || lower;
      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part, parent);
      -- Who migrates may be another user, who changes a table only where all its parts are theirs too.
      owner := (SELECT c.relowner FROM pg_class c WHERE c.oid = parent::regclass);
      IF owner <> current_user::regrole THEN
        EXECUTE format('ALTER TABLE %I OWNER TO %s', part, owner);
      END IF;
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', parent, part, lower, lower + size);
    END LOOP;
    INSERT INTO record_partition (lower, upper) VALUES (lower, lower + size);
  END LOOP;
END $$;
