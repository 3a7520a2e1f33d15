-- Goes on with the next partition where the present one has given numbers for longer than `age`: all records of a partition go
-- together, so none of them waits much longer than `age` for the last. Numbers jump, and none is given twice: the sequence's
-- lock, which whoever takes a number has, too, is held from before its value is read until the commit. Nobody queues behind it for long.
CREATE OR REPLACE FUNCTION rotate_partitions(age interval) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
DECLARE
  present record_partition; last bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(7164225006);
  IF NOT EXISTS (SELECT FROM record_partition p WHERE p.closed_at IS NULL AND p.opened_at <= now() - age) THEN
    RETURN;
  END IF;
  -- Changes nothing but takes the lock.
  ALTER SEQUENCE record_id INCREMENT BY 1;
  SELECT s.last_value INTO last FROM record_id s;
  SELECT p.* INTO present FROM record_partition p WHERE p.lower <= last AND p.upper > last AND p.opened_at <= now() - age;
  IF FOUND THEN
    UPDATE record_partition p SET closed_at = now(), given = last - p.lower + 1 WHERE p.lower = present.lower;
    EXECUTE format('ALTER SEQUENCE record_id RESTART WITH %s', present.upper);
  END IF;
  PERFORM make_partitions();
END $$;
