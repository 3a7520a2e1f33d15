-- Takes up to `most_lanes` lanes of running recoveries one step further: at most `step` deliveries of each are brought forward, in one
-- commit. Lanes of which `most_waiting` that were brought forward wait still are left. Answers how many it looked at, and how many
-- recoveries run.
CREATE OR REPLACE FUNCTION step_recoveries(step integer, most_lanes integer, most_waiting integer) RETURNS TABLE (looked integer, running integer)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH part AS MATERIALIZED (
    SELECT p.recovery_id, p.lane, p.reached, r.account_id, r.since, r.until, r.reason, r.pending
    FROM recovery r JOIN recovery_lane p ON p.recovery_id = r.id
    WHERE r.state = 'running' AND NOT p.done AND (
      SELECT count(*) FROM (
        SELECT FROM live_delivery l WHERE l.account_id = r.account_id AND l.lane = p.lane AND l.trigger = 'recovery' LIMIT most_waiting) w
    ) < most_waiting
    ORDER BY r.created_at, p.recovery_id, p.lane LIMIT most_lanes FOR UPDATE OF p SKIP LOCKED
  ), found AS MATERIALIZED (
    SELECT p.recovery_id, p.lane, d.home, d.seq FROM part p
    CROSS JOIN LATERAL recoverable(p.account_id, p.lane, p.reached, step, p.since, p.until, p.reason, p.pending) d ORDER BY d.seq
  ), requeued AS MATERIALIZED (
    SELECT q.seq FROM requeue_deliveries(ARRAY(SELECT f.home FROM found f), ARRAY(SELECT f.seq FROM found f), 'recovery', false) AS q (seq)
  ), went AS (
    UPDATE recovery_lane p SET reached = coalesce(f.last, p.reached), done = coalesce(f.count, 0) < step
    FROM part x LEFT JOIN (
      SELECT f.recovery_id, f.lane, max(f.seq) AS last, count(*) AS count FROM found f GROUP BY f.recovery_id, f.lane
    ) f USING (recovery_id, lane)
    WHERE p.recovery_id = x.recovery_id AND p.lane = x.lane
  ), counted AS (
    UPDATE recovery r SET requeued = r.requeued + n.count FROM (
      SELECT f.recovery_id, count(*) AS count FROM found f JOIN requeued q USING (seq) GROUP BY f.recovery_id
    ) n WHERE r.id = n.recovery_id
  )
  SELECT (SELECT count(*) FROM found)::integer, (SELECT count(*) FROM recovery r WHERE r.state = 'running')::integer;
END $$;
