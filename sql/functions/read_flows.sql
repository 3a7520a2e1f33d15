-- Flow keys of an account as they stand: one of them, or a page of them by name, behind `after`. Those of Ringback's own, which begin
-- with "$", are only found by their whole name. What waits is counted up to 10,000.
CREATE OR REPLACE FUNCTION read_flows(account text, wanted text, after text, most integer)
RETURNS TABLE (flow flow, waiting integer, executing integer, started integer)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT g.flow, w.count, p.executing, s.starts
  FROM (
    (SELECT f AS flow FROM flow f WHERE f.account_id = account AND f.key = wanted)
    UNION ALL
    (SELECT f FROM flow f WHERE wanted IS NULL AND f.account_id = account AND f.key > after AND NOT starts_with(f.key, '$') ORDER BY f.account_id, f.key LIMIT most)
  ) g
  CROSS JOIN LATERAL (SELECT (g.flow).*) f
  CROSS JOIN LATERAL (
    SELECT (count(*) FILTER (WHERE o.awaits IS NOT NULL OR o.phase = 'placed' AND o.lease_token IS NOT NULL))::integer AS executing,
      (count(*) FILTER (WHERE o.awaits IS NULL AND o.lease_token IS NULL AND o.phase <> 'keyed'))::integer AS admitted
    FROM live_operation o WHERE o.account_id = f.account_id AND o.flow_key = f.key AND o.flow_place
  ) p
  CROSS JOIN LATERAL (
    SELECT p.admitted + count(*)::integer AS count FROM (
      SELECT FROM live_operation o WHERE o.account_id = f.account_id AND o.flow_key = f.key AND o.phase = 'keyed' LIMIT 10000) k
  ) w
  CROSS JOIN LATERAL flow_window(f.max_rate, f.max_period_s, f.start_times, f.start_counts,
    ARRAY(SELECT n.started_at FROM flow_note n WHERE n.account_id = f.account_id AND n.key = f.key AND n.started_at IS NOT NULL)) s;
END $$;
