-- Takes schedules of which a tick is due, and holds them until the caller's commit: as many as have `most_bytes` of operations
-- together, the first in any case. Those whose `since` is more than the caller's `known` are left to others.
-- `busy` is whether what the last tick submitted hasn't ended, `closed` whether the account's keys are refused.
CREATE OR REPLACE FUNCTION take_schedules(known integer, most integer, most_bytes bigint)
RETURNS TABLE (schedule schedule, busy boolean, closed boolean, looked_at timestamptz)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN QUERY
  WITH due AS MATERIALIZED (
    SELECT s FROM schedule s WHERE s.due_at <= now() AND s.since <= known ORDER BY s.due_at LIMIT most FOR UPDATE SKIP LOCKED
  ), sized AS (
    SELECT d.s, sum(octet_length((d.s).operation)) OVER (ORDER BY (d.s).due_at, (d.s).id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM due d
  )
  SELECT z.s, (SELECT true FROM live_operation l WHERE l.request_id = (z.s).last_operation) IS TRUE,
    (SELECT coalesce(a.disabled_at, a.deleted_at) IS NOT NULL FROM account a WHERE a.id = (z.s).account_id), now()
  FROM sized z WHERE z.before IS NULL OR z.before < most_bytes;
END $$;
