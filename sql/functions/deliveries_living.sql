-- Statements that find the deliveries (home, number) of an account, or of all (null), or of an endpoint, that are Pending, as
-- operations_living does.
CREATE OR REPLACE FUNCTION deliveries_living(account text, endpoint text) RETURNS text[]
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  max_collected CONSTANT integer := 20000;
  homes bigint[]; numbers bigint[];
BEGIN
  IF account IS NOT NULL OR endpoint IS NOT NULL THEN
    SELECT array_agg(n.home), array_agg(n.seq) INTO homes, numbers FROM (
      SELECT l.home, l.seq FROM live_delivery l WHERE endpoint IS NULL AND l.account_id = account AND l.phase IN ('scheduled', 'ready', 'paused', 'held')
      UNION ALL
      SELECT l.home, l.seq FROM live_delivery l WHERE endpoint IS NULL AND l.account_id = account AND l.phase IN ('placed', 'leased')
      UNION ALL
      SELECT l.home, l.seq FROM live_delivery l WHERE l.endpoint_id = endpoint
      LIMIT max_collected + 1
    ) n;
    IF coalesce(cardinality(numbers), 0) <= max_collected THEN
      RETURN ARRAY[format('SELECT * FROM unnest(%L::bigint[], %L::bigint[])', coalesce(homes, '{}'), coalesce(numbers, '{}'))];
    END IF;
  END IF;
  RETURN ARRAY['SELECT l.home, l.seq FROM live_delivery l'];
END $$;
