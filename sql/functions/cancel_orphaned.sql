-- Cancels what is held for pull endpoints that are gone: made by an end that did not see yet that they had been deleted.
CREATE OR REPLACE FUNCTION cancel_orphaned(most integer) RETURNS integer
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  seqs bigint[];
BEGIN
  seqs := ARRAY(
    WITH RECURSIVE walk AS (
      SELECT '' AS endpoint_id, 0::bigint AS seq
      UNION ALL
      SELECT d.endpoint_id, d.seq FROM walk w CROSS JOIN LATERAL (
        SELECT d.endpoint_id, d.seq FROM live_delivery d WHERE d.phase = 'held' AND d.endpoint_id > w.endpoint_id
        ORDER BY d.endpoint_id, d.run_at, d.seq LIMIT 1
      ) d
    )
    SELECT d.seq FROM walk w CROSS JOIN LATERAL (
      SELECT d.seq FROM live_delivery d WHERE d.phase = 'held' AND d.endpoint_id = w.endpoint_id ORDER BY d.endpoint_id, d.run_at, d.seq LIMIT most
    ) d
    WHERE w.seq > 0 AND NOT EXISTS (SELECT FROM endpoint e WHERE e.id = w.endpoint_id) LIMIT most);
  IF seqs <> '{}' THEN
    PERFORM cancel_deliveries(seqs, 'endpoint_deleted');
  END IF;
  RETURN cardinality(seqs);
END $$;
