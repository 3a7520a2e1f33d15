-- Forgets flow keys that nobody has set up and that nothing has used for a day, `most` at the most. Answers how many it has looked at.
CREATE OR REPLACE FUNCTION forget_flows(most integer) RETURNS integer
LANGUAGE plpgsql SET jit = off AS $$
DECLARE
  accounts text[]; keys text[];
BEGIN
  SELECT array_agg(f.account_id), array_agg(f.key) INTO accounts, keys FROM (
    SELECT f.account_id, f.key FROM flow f
    WHERE NOT f.kept AND greatest(f.given_at, f.used_at) <= now() - interval '1 day' AND NOT flow_lives(f.account_id, f.key)
      AND coalesce(f.start_times[cardinality(f.start_times)] + make_interval(secs => f.max_period_s), f.given_at) <= now() - interval '1 day'
    LIMIT most FOR UPDATE OF f SKIP LOCKED
  ) f;
  -- With a snapshot from after their rows were locked: whoever accepts an operation of one holds its row until that can be seen.
  DELETE FROM flow f USING unnest(accounts, keys) AS k (account_id, key)
  WHERE f.account_id = k.account_id AND f.key = k.key AND NOT flow_lives(f.account_id, f.key);
  RETURN coalesce(cardinality(keys), 0);
END $$;
