-- As accept_operations, of which some are given a token with their answer that ends them: `tokens`, by their `rid`.
CREATE OR REPLACE FUNCTION accept_completable(given json, keys json, accounts text[], max_dispatched integer, redispatch interval, declared text[], tokens json)
RETURNS TABLE (rid text, request_id bigint, created_at timestamptz, due_at timestamptz, phase text, epoch integer, silent_until timestamptz)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH accepted AS MATERIALIZED (
    SELECT * FROM accept_operations(given, keys, accounts, max_dispatched, redispatch, declared)
  ), tokens AS (
    INSERT INTO completion (token_hash, operation_id, operation_rid, account_id, expires_at, verify)
    SELECT t.hash, a.request_id, t.rid, t.account_id, greatest(t.run_at, now()) + make_interval(secs => t.expires_s), t.verify
    FROM json_to_recordset(tokens) AS t (hash text, rid text, account_id text, run_at timestamptz, expires_s float8, verify text)
    JOIN accepted a USING (rid)
  )
  SELECT * FROM accepted;
END $$;
