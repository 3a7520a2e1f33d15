-- Marks partitions whose records are too old to be kept: no longer given numbers of for `history`, all ended and emptied, and the
-- last end as long ago. From then on nothing of them is made owed again (requeue_deliveries). 30 s are longer than any statement
-- may take that took its number, or saw a partition, before.
CREATE OR REPLACE FUNCTION retire_partitions(history interval) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  part record_partition;
  recent boolean;
BEGIN
  FOR part IN
    SELECT p.* FROM record_partition p WHERE p.retired_at IS NULL AND p.closed_at <= now() - greatest(history, interval '30 s') ORDER BY p.lower
  LOOP
    -- The cheap ones first. Of an operation that ends meanwhile, the live row or the new end is seen.
    CONTINUE WHEN has_live_rows(part.lower, part.upper);
    CONTINUE WHEN EXISTS (SELECT FROM operation_end e WHERE e.request_id >= part.lower AND e.request_id < part.upper AND e.emptied_at IS NULL);
    -- By its own name, which leaves the index of times to it.
    EXECUTE format('SELECT EXISTS (SELECT FROM operation_end_%s e WHERE e.finished_at > now() - $1)', part.lower) INTO recent USING history;
    CONTINUE WHEN recent;
    UPDATE record_partition p SET retired_at = now() WHERE p.lower = part.lower;
  END LOOP;
END $$;
