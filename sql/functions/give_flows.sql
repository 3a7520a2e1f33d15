-- Makes the values that came with operations those of their flow keys, of those `given` that were `accepted`, by their `rid`: the newest
-- hold. Those that are `standing` only make a key that nobody knows. Called last of what stores operations, and in the order of the keys:
-- none waits for another in a circle. Their rows are held until the caller's commit, so that none of them is forgotten meanwhile.
CREATE OR REPLACE FUNCTION give_flows(given json, accepted text[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  accounts text[]; keys text[]; held integer;
BEGIN
  LOOP
    WITH given AS MATERIALIZED (
      SELECT DISTINCT ON (g.account_id, f.key) g.account_id, coalesce(g.flow_standing, false) AS standing, f.*
      FROM ROWS FROM (json_to_recordset(given) AS (rid text, account_id text, flow text, flow_standing boolean))
        WITH ORDINALITY AS g (rid, account_id, flow, flow_standing, nth)
      CROSS JOIN LATERAL json_to_record(g.flow::json) AS f (key text, parallelism integer, rate integer, period_s float8, ordered boolean)
      WHERE g.flow IS NOT NULL AND g.rid = ANY (accepted) ORDER BY g.account_id, f.key, coalesce(g.flow_standing, false), g.nth DESC
    ), changed AS (
      INSERT INTO flow AS f (account_id, key, parallelism, rate, period_s, ordered)
      SELECT g.account_id, g.key, g.parallelism, g.rate, g.period_s, coalesce(g.ordered, false)
      FROM given g LEFT JOIN LATERAL (SELECT f.* FROM flow f WHERE f.account_id = g.account_id AND f.key = g.key LIMIT 1) f ON true
      WHERE f.key IS NULL OR NOT g.standing
        AND (g.parallelism, g.rate, g.period_s, coalesce(g.ordered, false)) IS DISTINCT FROM (f.parallelism, f.rate, f.period_s, f.ordered)
      ORDER BY g.account_id, g.key
      ON CONFLICT (account_id, key) DO UPDATE SET parallelism = excluded.parallelism, rate = excluded.rate, period_s = excluded.period_s,
        ordered = excluded.ordered, given_at = now()
      RETURNING f.account_id, f.key
    ), noted AS (
      -- Those that wait may have room by now, also where what brought the values doesn't wait itself.
      INSERT INTO flow_note (account_id, key) SELECT c.account_id, c.key FROM changed c
    )
    SELECT array_agg(g.account_id ORDER BY g.account_id, g.key), array_agg(g.key ORDER BY g.account_id, g.key) INTO accounts, keys FROM given g;
    PERFORM FROM unnest(accounts, keys) AS k (account_id, key)
    CROSS JOIN LATERAL (SELECT FROM flow f WHERE f.account_id = k.account_id AND f.key = k.key LIMIT 1 FOR KEY SHARE) f;
    GET DIAGNOSTICS held = ROW_COUNT;
    -- Else one was forgotten in between.
    EXIT WHEN held = coalesce(cardinality(keys), 0);
  END LOOP;
END $$;
