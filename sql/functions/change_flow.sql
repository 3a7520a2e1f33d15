-- Changes a flow key, or makes it, and has the dispatcher look at it. What isn't given stays as it is; where it is
-- `only_new`, what somebody has set up stays as it is.
CREATE OR REPLACE FUNCTION change_flow(given json) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  g record;
BEGIN
  SELECT * INTO g FROM json_to_record(given) AS g (account_id text, key text, ordered boolean, limits json, pin_parallelism boolean,
    pinned_parallelism integer, pin_rate boolean, pinned_rate integer, pinned_period_s float8, paused boolean,
    only_new boolean);
  INSERT INTO flow (account_id, key, ordered) VALUES (g.account_id, g.key, g.ordered) ON CONFLICT DO NOTHING;
  UPDATE flow f SET
    parallelism = CASE WHEN g.limits IS NULL THEN f.parallelism ELSE (g.limits ->> 'parallelism')::integer END,
    rate = CASE WHEN g.limits IS NULL THEN f.rate ELSE (g.limits ->> 'rate')::integer END,
    period_s = CASE WHEN g.limits IS NULL THEN f.period_s ELSE (g.limits ->> 'period_s')::float8 END,
    pinned_parallelism = CASE WHEN g.pin_parallelism THEN g.pinned_parallelism ELSE f.pinned_parallelism END,
    pinned_rate = CASE WHEN g.pin_rate THEN g.pinned_rate ELSE f.pinned_rate END,
    pinned_period_s = CASE WHEN g.pin_rate THEN g.pinned_period_s ELSE f.pinned_period_s END,
    paused_at = CASE WHEN g.paused IS NULL THEN f.paused_at WHEN g.paused THEN coalesce(f.paused_at, now()) END,
    kept = true, given_at = now()
  WHERE f.account_id = g.account_id AND f.key = g.key AND NOT (f.kept AND coalesce(g.only_new, false));
  INSERT INTO flow_note (account_id, key) VALUES (g.account_id, g.key);
END $$;
