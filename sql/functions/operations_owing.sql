-- Statements that find the operations (their numbers) of an account, or of all (null), of which a delivery is Pending. Null where
-- those of all accounts are so many that a walk along all operations finds them sooner.
CREATE OR REPLACE FUNCTION operations_owing(account text) RETURNS text[]
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  max_collected CONSTANT integer := 20000;
  found bigint[];
BEGIN
  IF account IS NOT NULL THEN
    -- In the order of an index but for those in flight, of which an installation has few.
    RETURN ARRAY[
      format('SELECT d.operation_id FROM live_delivery d WHERE d.account_id = %L AND d.phase IN (''scheduled'', ''ready'', ''paused'', ''held'')', account),
      format('SELECT d.operation_id FROM live_delivery d WHERE d.account_id = %L AND d.phase IN (''placed'', ''leased'')', account)];
  END IF;
  found := ARRAY(SELECT d.home FROM live_delivery d ORDER BY d.seq LIMIT max_collected + 1);
  RETURN CASE WHEN cardinality(found) <= max_collected THEN ARRAY[format('SELECT unnest(%L::bigint[])', found)] END;
END $$;
