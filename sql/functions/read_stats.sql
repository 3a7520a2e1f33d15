-- Counts of an account (`*`: of all), of the kinds `kinds`, in buckets of `step` from `since` to before `until`, and of the kinds `tops`
-- over all of it: the most frequent ones, with no `at`. Of durations p50 and p95, as `value` of stats has them. What is not added up
-- yet is counted from the records, at most `most` of each kind: where more have come within a minute, the last of them are missing for
-- some seconds. Counts are read block by block: along the index each would be a block. Sums are of float8, which is exact up to 2^53 and quicker than numeric.
CREATE OR REPLACE FUNCTION read_stats(account text, kinds text[], tops text[], since timestamptz, until timestamptz, seconds integer, most integer)
RETURNS TABLE (what text, at timestamptz, value text, count bigint)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_indexscan = off SET work_mem = '32MB' SET jit = off SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
  r stats_reached; upto bigint; only_of text := nullif(account, '*');
BEGIN
  SELECT * INTO r FROM stats_reached;
  -- Numbers jump from one partition to the next, and deliveries have some of them.
  SELECT max(o.request_id) INTO upto FROM (SELECT o.request_id FROM operation o WHERE o.request_id > r.request_id ORDER BY o.request_id LIMIT most) o;
  RETURN QUERY
  WITH counted AS (
    SELECT s.what, s.at, s.value, s.count FROM stats s
    WHERE s.account_id = account AND s.step = least(seconds, 3600) AND s.what = ANY (kinds || tops) AND s.at >= since AND s.at < until
    UNION ALL
    SELECT c.what, c.at, c.value, c.count FROM operation_stats(only_of, r.request_id, upto, r.feed_id, r.feed_id + most) c
    WHERE 'accepted' = ANY (kinds) AND c.at >= since AND c.at < until
    UNION ALL
    SELECT c.what, c.at, c.value, c.count FROM delivery_stats(only_of, r.feed_id, r.feed_id + most) c
    WHERE 'delivered' = ANY (kinds) AND c.at >= since AND c.at < until
  ), summed AS (
    SELECT c.what, date_bin(make_interval(secs => seconds), c.at, 'epoch') AS at, c.value, sum(c.count::float8)::bigint AS count
    FROM counted c WHERE c.what = ANY (kinds) GROUP BY 1, 2, 3
  ), spread AS (
    SELECT s.at, s.value::integer AS value, sum(s.count::float8) OVER (PARTITION BY s.at ORDER BY s.value::integer) AS upto, sum(s.count::float8) OVER (PARTITION BY s.at) AS total
    FROM summed s WHERE s.what = 'duration'
  ), top AS (
    SELECT c.what, c.value, sum(c.count::float8)::bigint AS count, row_number() OVER (PARTITION BY c.what ORDER BY sum(c.count::float8) DESC, c.value) AS nth
    FROM counted c WHERE c.what = ANY (tops) AND c.value <> '' GROUP BY c.what, c.value
  )
  SELECT s.what, s.at, s.value, s.count FROM summed s WHERE s.what <> 'duration'
  UNION ALL
  SELECT q.what, s.at, '', min(s.value)::bigint FROM spread s CROSS JOIN (VALUES ('p50', 0.5), ('p95', 0.95)) AS q (what, part)
  WHERE s.upto >= q.part * s.total GROUP BY q.what, s.at
  UNION ALL
  (SELECT t.what, NULL, t.value, t.count FROM top t WHERE t.nth <= 10 ORDER BY t.what, t.nth);
END $$;
