-- Whether an operation with this flow key hasn't ended.
CREATE OR REPLACE FUNCTION flow_lives(account text, named text) RETURNS boolean
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN EXISTS (SELECT FROM live_operation o WHERE o.account_id = account AND o.flow_key = named ORDER BY o.account_id, o.flow_key LIMIT 1);
END $$;
