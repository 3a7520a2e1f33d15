-- Changes a flow key, or makes it, and has the dispatcher look at it. What isn't given stays as it is; where it is
-- `only_new`, what somebody has set up stays as it is. Answers `unknown` where it is `only_known` and isn't, `too-many` where the account
-- has set up its `most_kept` without Ringback's own, which begin with "$": nothing is changed then.
CREATE OR REPLACE FUNCTION change_flow(given json) RETURNS text
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  g record; own boolean;
BEGIN
  SELECT * INTO g FROM json_to_record(given) AS g (account_id text, key text, ordered boolean, limits json, pin_parallelism boolean,
    pinned_parallelism integer, pin_rate boolean, pinned_rate integer, pinned_period_s float8, paused boolean,
    only_new boolean, only_known boolean, most_kept integer);
  own := starts_with(g.key, '$');
  IF NOT own AND (g.pinned_parallelism IS NOT NULL OR g.pinned_rate IS NOT NULL OR g.paused) THEN
    -- One at a time per account, so that the cap holds.
    PERFORM FROM account a WHERE a.id = g.account_id FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT FROM flow f WHERE f.account_id = g.account_id AND f.key = g.key AND f.kept)
      AND (SELECT count(*) FROM flow f WHERE f.account_id = g.account_id AND f.kept AND NOT starts_with(f.key, '$')) >= g.most_kept THEN
      RETURN 'too-many';
    END IF;
  END IF;
  IF g.only_known THEN
    PERFORM FROM flow f WHERE f.account_id = g.account_id AND f.key = g.key;
    IF NOT FOUND THEN
      RETURN 'unknown';
    END IF;
  ELSE
    INSERT INTO flow (account_id, key, ordered) VALUES (g.account_id, g.key, g.ordered) ON CONFLICT DO NOTHING;
  END IF;
  UPDATE flow f SET
    parallelism = CASE WHEN g.limits IS NULL THEN f.parallelism ELSE (g.limits ->> 'parallelism')::integer END,
    rate = CASE WHEN g.limits IS NULL THEN f.rate ELSE (g.limits ->> 'rate')::integer END,
    period_s = CASE WHEN g.limits IS NULL THEN f.period_s ELSE (g.limits ->> 'period_s')::float8 END,
    pinned_parallelism = CASE WHEN g.pin_parallelism THEN g.pinned_parallelism ELSE f.pinned_parallelism END,
    pinned_rate = CASE WHEN g.pin_rate THEN g.pinned_rate ELSE f.pinned_rate END,
    pinned_period_s = CASE WHEN g.pin_rate THEN g.pinned_period_s ELSE f.pinned_period_s END,
    paused_at = CASE WHEN g.paused IS NULL THEN f.paused_at WHEN g.paused THEN coalesce(f.paused_at, now()) END,
    made = own, given_at = now()
  WHERE f.account_id = g.account_id AND f.key = g.key AND NOT (f.kept AND coalesce(g.only_new, false));
  INSERT INTO flow_note (account_id, key) VALUES (g.account_id, g.key);
  RETURN 'changed';
END $$;
