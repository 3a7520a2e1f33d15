-- Counts of the attempts of some places in the feed, as operation_stats. One that failed and has none after it gave its delivery up,
-- unless that had been delivered before, or its caller had read the end meanwhile.
CREATE OR REPLACE FUNCTION delivery_stats(account text, after_feed bigint, upto_feed bigint)
RETURNS TABLE (account_id text, what text, at timestamptz, value text, count bigint)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_indexscan = on SET enable_sort = off SET work_mem = '32MB' SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH made AS (
    SELECT d.account_id, date_bin('1 minute', a.started_at + coalesce(a.duration_ms, 0) * interval '1 ms', 'epoch') AS at, d.origin, a.outcome,
      CASE WHEN a.outcome = 'failed' THEN error_class(a.outcome, a.http_status, a.error) END AS error,
      CASE WHEN a.outcome = 'failed' AND a.next_attempt_at IS NULL THEN NOT EXISTS (
        SELECT FROM delivery_end x WHERE x.home = a.home AND x.seq = a.delivery_seq
          AND (x.delivered_at < a.started_at OR (x.state = 'Canceled' AND x.reason = 'acknowledged_by_poll' AND x.attempt_count = a.number))
        UNION ALL SELECT FROM live_delivery l WHERE l.seq = a.delivery_seq AND l.delivered_at < a.started_at
      ) END AS exhausted,
      count(*) AS count
    FROM attempt a
    CROSS JOIN LATERAL (SELECT d.account_id, d.origin FROM delivery d WHERE d.home = a.home AND d.seq = a.delivery_seq LIMIT 1) d
    WHERE a.feed_id > after_feed AND a.feed_id <= upto_feed AND (account IS NULL OR d.account_id = account)
    GROUP BY 1, 2, 3, 4, 5, 6
  )
  SELECT m.account_id, w.what, m.at, w.value, sum(m.count)::bigint FROM made m
  CROSS JOIN LATERAL (VALUES (CASE m.outcome WHEN 'delivered' THEN 'delivered' WHEN 'failed' THEN 'failed_attempts' END, ''),
    (CASE WHEN m.exhausted THEN 'exhausted' END, ''), ('origin', nullif(m.origin, '')), ('error', m.error)) AS w (what, value)
  WHERE w.what IS NOT NULL AND w.value IS NOT NULL GROUP BY 1, 2, 3, 4;
END $$;
