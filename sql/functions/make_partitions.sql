-- Makes partitions of the record tables until two whole ones lie ahead of the numbers that are given: an insert that finds none
-- fails. Each is four times as large as the one before, up to eight million operations with a callback.
-- Attached rather than created in place, which would wait for everybody who reads or writes the tables, and hold up all others.
CREATE OR REPLACE FUNCTION make_partitions() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  given bigint; lower bigint; size bigint; parent text; part text;
BEGIN
  PERFORM pg_advisory_xact_lock(7164225006);
  LOOP
    SELECT s.last_value INTO given FROM record_id s;
    SELECT coalesce(max(p.upper), 1), coalesce((array_agg(p.upper - p.lower ORDER BY p.lower DESC))[1], 65536) INTO lower, size FROM record_partition p;
    EXIT WHEN (SELECT count(*) FROM record_partition p WHERE p.lower > given) >= 2;
    size := least(4 * size, 16777216);
    FOREACH parent IN ARRAY ARRAY['operation', 'operation_end', 'history_entry', 'delivery', 'delivery_end', 'attempt'] LOOP
      part := parent || '_' || lower;
      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part, parent);
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', parent, part, lower, lower + size);
    END LOOP;
    INSERT INTO record_partition (lower, upper) VALUES (lower, lower + size);
  END LOOP;
END $$;
