-- Statements that find the operations (their numbers) of an account, or of all (null), that are Waiting, Executing, or either. Few are
-- collected; where they are many, a walk along all live ones finds them soon.
CREATE OR REPLACE FUNCTION operations_living(account text, waiting boolean, executing boolean) RETURNS text[]
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  max_collected CONSTANT integer := 20000;
  found bigint[];
BEGIN
  IF account IS NOT NULL THEN
    found := ARRAY(SELECT n.request_id FROM (
      SELECT l.request_id FROM live_operation l WHERE l.phase IN ('placed', 'awaiting') AND l.account_id = account
      UNION ALL
      SELECT l.request_id FROM live_operation l WHERE l.phase = 'aside' AND l.account_id = account
      UNION ALL
      SELECT l.request_id FROM live_operation l WHERE l.phase = 'apart' AND l.account_id = account
      UNION ALL
      SELECT l.request_id FROM live_operation l WHERE waiting AND l.phase = 'ready' AND l.account_id = account
      UNION ALL
      SELECT l.request_id FROM live_operation l WHERE waiting AND l.phase = 'scheduled' AND l.account_id = account
      UNION ALL
      SELECT l.request_id FROM live_operation l WHERE waiting AND l.phase = 'keyed' AND l.account_id = account
      UNION ALL
      SELECT l.request_id FROM operation_type t CROSS JOIN LATERAL (
        SELECT l.request_id FROM live_operation l WHERE waiting AND l.phase = 'offered' AND l.type = t.name AND l.account_id = account
        LIMIT max_collected + 1) l
    ) n LIMIT max_collected + 1);
  ELSIF NOT waiting THEN
    found := ARRAY(SELECT n.request_id FROM (
      SELECT l.request_id FROM live_operation l WHERE l.phase IN ('placed', 'awaiting')
      UNION ALL
      SELECT l.request_id FROM live_operation l WHERE l.phase = 'aside'
      UNION ALL
      SELECT l.request_id FROM live_operation l WHERE l.phase = 'apart'
    ) n LIMIT max_collected + 1);
  END IF;
  RETURN ARRAY[CASE WHEN cardinality(found) <= max_collected THEN format('SELECT unnest(%L::bigint[])', found)
    ELSE 'SELECT l.request_id FROM live_operation l' END];
END $$;
