-- How many operations of each of these flow keys may be admitted, also counting those that are and haven't got a slot, and how many of
-- those that have one, and haven't started, are too many (`excess`): whether one of them starts meanwhile changes neither. Deletes what
-- was noted of the keys. All in one statement: what is counted and what is noted are of the same instant, so that no start is in neither.
-- A start counts from when it is first seen: its commit may have waited, and its handler begins after that.
-- At `opens_at` there is room again, or later; null: not by time alone.
CREATE OR REPLACE FUNCTION judge_flows(accounts text[], keys text[])
RETURNS TABLE (account_id text, key text, ordered boolean, room integer, excess integer, opens_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  -- One after the other, by equality: else the index of all slots of the account may look as good, or rows of other phases be read.
  with_slot CONSTANT text[] := '{placed,awaiting}';
  waiting CONSTANT text[] := '{keyed,ready,offered}';
BEGIN
  RETURN QUERY
  WITH asked AS MATERIALIZED (
    SELECT * FROM unnest(accounts, keys) AS k (account_id, key)
  ), noted AS (
    DELETE FROM flow_note n USING asked k WHERE n.account_id = k.account_id AND n.key = k.key RETURNING n.account_id, n.key, n.started_at
  ), started AS MATERIALIZED (
    SELECT n.account_id, n.key, array_agg(greatest(n.started_at, clock_timestamp())) AS times FROM noted n WHERE n.started_at IS NOT NULL GROUP BY n.account_id, n.key
  ), judged AS MATERIALIZED (
    SELECT k.account_id, k.key, coalesce(f.ordered, false) AS ordered, w.times, w.counts, r.room, r.excess,
      CASE WHEN r.rated <= r.room THEN w.times[1] + w.width END AS opens_at,
      w.times IS DISTINCT FROM f.start_times OR w.counts IS DISTINCT FROM f.start_counts
        OR coalesce(f.used_at, f.given_at) < now() - interval '1 hour' AS moved
    FROM asked k
    LEFT JOIN LATERAL (SELECT f.* FROM flow f WHERE f.account_id = k.account_id AND f.key = k.key LIMIT 1) f ON true
    LEFT JOIN started s ON s.account_id = k.account_id AND s.key = k.key
    LEFT JOIN LATERAL (SELECT a.slots FROM account a WHERE a.id = k.account_id LIMIT 1) a ON true
    CROSS JOIN LATERAL (
      SELECT sum(n.slots)::integer AS slots, sum(n.unstarted)::integer AS unstarted, sum(n.fresh)::integer AS fresh
      FROM unnest(with_slot) AS s (phase) CROSS JOIN LATERAL (
        SELECT count(*) AS slots, count(*) FILTER (WHERE s.phase = 'placed' AND o.lease_token IS NULL) AS unstarted,
          count(*) FILTER (WHERE s.phase = 'placed' AND o.lease_token IS NULL AND o.attempt = 0) AS fresh
        FROM live_operation o WHERE o.account_id = k.account_id AND o.flow_key = k.key AND o.flow_place AND o.phase = s.phase
      ) n
    ) p
    CROSS JOIN LATERAL (
      SELECT count(*)::integer AS held FROM (
        SELECT FROM live_operation o WHERE f.max_parallelism IS NOT NULL
          AND o.account_id = k.account_id AND o.flow_key = k.key AND o.flow_place AND o.phase NOT IN ('keyed', 'ready', 'offered')
        -- Where there are more, all that haven't started are too many.
        LIMIT f.max_parallelism + p.unstarted) h
    ) h
    CROSS JOIN LATERAL (
      -- These come before what hasn't begun, also where that has slots.
      SELECT count(*)::integer AS begun FROM unnest(waiting) AS s (phase) CROSS JOIN LATERAL (
        SELECT FROM live_operation o WHERE f.ordered AND p.fresh > 0
          AND o.account_id = k.account_id AND o.flow_key = k.key AND o.flow_place AND o.phase = s.phase AND o.attempt > 0 OFFSET 0
      ) b
    ) b
    CROSS JOIN LATERAL flow_window(f.max_rate, f.max_period_s, f.start_times, f.start_counts, s.times) w
    CROSS JOIN LATERAL (
      SELECT n.rated, CASE WHEN f.paused_at IS NOT NULL THEN 0 ELSE greatest(0, least(a.slots - p.slots, f.max_parallelism - h.held, n.rated)) END AS room,
        CASE WHEN f.paused_at IS NOT NULL THEN p.unstarted ELSE least(p.unstarted, greatest(0, h.held - f.max_parallelism,
          least(p.fresh, coalesce(h.held + b.begun - f.max_parallelism, 0)), -n.rated)) END AS excess
      FROM (SELECT f.max_rate - w.starts - p.unstarted AS rated) n
    ) r
  ), kept AS (
    UPDATE flow f SET start_times = j.times, start_counts = j.counts, used_at = now() FROM judged j
    WHERE j.moved AND f.account_id = j.account_id AND f.key = j.key
  )
  SELECT j.account_id, j.key, j.ordered, coalesce(j.room, 0), j.excess, j.opens_at FROM judged j;
END $$;
