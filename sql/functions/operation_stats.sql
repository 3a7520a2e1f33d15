-- Counts of the operations of some numbers, and of the ends of some places in the feed, by account and minute: bounds are exclusive
-- and inclusive. A null account counts all.
CREATE OR REPLACE FUNCTION operation_stats(account text, after bigint, upto bigint, after_feed bigint, upto_feed bigint)
RETURNS TABLE (account_id text, what text, at timestamptz, value text, count bigint)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_indexscan = on SET enable_sort = off SET work_mem = '32MB' SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH asked AS (
    SELECT o.account_id, date_bin('1 minute', o.created_at, 'epoch') AS at, o.type, count(*) AS count FROM operation o
    WHERE o.request_id > after AND o.request_id <= upto AND (account IS NULL OR o.account_id = account) GROUP BY 1, 2, 3
  ), ended AS (
    -- Canceled ones ran as long as their callers let them, which says nothing of how fast work is done.
    SELECT o.account_id, date_bin('1 minute', e.finished_at, 'epoch') AS at, lower(e.state) AS state,
      CASE WHEN e.state = 'Failed' THEN coalesce(e.error_code, '') END AS error_code,
      CASE WHEN e.state <> 'Canceled' THEN round(5 * ln(greatest(1, 1000 * extract(epoch FROM e.finished_at - greatest(o.created_at, o.run_at))::float8)) / ln(2::float8))::text END AS duration,
      count(*) AS count
    FROM operation_end e
    CROSS JOIN LATERAL (SELECT o.account_id, o.created_at, o.run_at FROM operation o WHERE o.request_id = e.request_id LIMIT 1) o
    WHERE e.feed_id > after_feed AND e.feed_id <= upto_feed AND (account IS NULL OR o.account_id = account)
    GROUP BY 1, 2, 3, 4, 5
  )
  SELECT a.account_id, w.what, a.at, w.value, sum(a.count)::bigint FROM asked a
  CROSS JOIN LATERAL (VALUES ('accepted', ''), ('type', a.type)) AS w (what, value) GROUP BY 1, 2, 3, 4
  UNION ALL
  SELECT e.account_id, w.what, e.at, w.value, sum(e.count)::bigint FROM ended e
  CROSS JOIN LATERAL (VALUES (e.state, ''), ('error_code', e.error_code), ('duration', e.duration)) AS w (what, value)
  WHERE w.value IS NOT NULL GROUP BY 1, 2, 3, 4;
END $$;
