-- Deliveries of one lane after `after` that a recovery brings forward, in the order of their numbers: made from `since` to before
-- `until`, and given up (for `of_reason`, unless that is null), or, with `pending`, waiting for their next attempt. Tests are samples;
-- what its caller has read by poll, or may yet be told by an answer, is owed no more.
CREATE OR REPLACE FUNCTION recoverable(
  account text, of_lane text, after bigint, most integer, since timestamptz, until timestamptz, of_reason text, pending boolean
) RETURNS TABLE (home bigint, seq bigint)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT n.home, n.seq FROM (
    (SELECT u.home, u.seq, true AS ended FROM undelivered u
     WHERE u.account_id = account AND u.lane = of_lane AND u.seq > after AND u.state = 'Exhausted' ORDER BY u.account_id, u.lane, u.seq)
    UNION ALL
    (SELECT l.home, l.seq, false FROM live_delivery l
     WHERE l.account_id = account AND l.lane = of_lane AND l.seq > after AND l.phase IN ('scheduled', 'held') AND pending AND l.attempt_count > 0
       AND (l.phase = 'scheduled' OR l.run_at > now())
     ORDER BY l.account_id, l.lane, l.seq)
  ) n
  CROSS JOIN LATERAL (SELECT d.body, d.event_type, d.created_at FROM delivery d WHERE d.home = n.home AND d.seq = n.seq LIMIT 1) d
  WHERE d.body <> '' AND d.event_type <> 'endpoint.test' AND d.created_at >= since AND d.created_at < until
    AND (of_reason IS NULL OR NOT n.ended OR of_reason = (SELECT x.reason FROM delivery_end x WHERE x.home = n.home AND x.seq = n.seq LIMIT 1))
  ORDER BY n.seq LIMIT most;
END $$;
