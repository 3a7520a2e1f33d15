-- Numbers of an account's operations, the newest first.
CREATE OR REPLACE FUNCTION newest_operations(account text, skipped integer, most integer) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN QUERY
  SELECT o.request_id FROM operation o WHERE o.account_id = account ORDER BY o.account_id DESC, o.request_id DESC OFFSET skipped LIMIT most;
END $$;
