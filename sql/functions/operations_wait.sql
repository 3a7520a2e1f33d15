-- Whether an operation waits for a slot, of whichever account.
CREATE OR REPLACE FUNCTION operations_wait() RETURNS boolean
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN (SELECT o.request_id FROM live_operation o WHERE o.phase = 'ready' ORDER BY o.account_id, o.priority DESC, o.request_id LIMIT 1) IS NOT NULL;
END $$;
