-- As page_of_operations, of deliveries. An `error` is the class of their last attempt, where that failed and they aren't Delivered.
CREATE OR REPLACE FUNCTION page_of_deliveries(wanted json, reached bigint, most integer, newest_first boolean)
RETURNS TABLE (homes bigint[], numbers bigint[], next bigint)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
  w record; low bigint; high bigint; direction text := CASE WHEN newest_first THEN 'DESC' ELSE 'ASC' END; wanted_states text[];
  fits text[] := '{}'; few text[] := '{}'; sources text[] := '{}'; known text; source text; along text;
BEGIN
  SELECT * INTO w FROM json_to_record(wanted) AS j (account text, states text[], endpoint text, operation bigint, origin text, event text,
    error text, since timestamptz, until timestamptz, below bigint);
  low := greatest(CASE WHEN NOT newest_first THEN reached END, (SELECT n.below FROM numbers_around(w.since, true) n WHERE w.since IS NOT NULL), 0);
  high := least(CASE WHEN newest_first THEN reached END, (SELECT n.above FROM numbers_around(w.until, true) n WHERE w.until IS NOT NULL), w.below, 9223372036854775807);
  wanted_states := coalesce(w.states, '{Pending,Delivered,Exhausted,Canceled}');
  IF w.error IS NOT NULL THEN wanted_states := array_remove(wanted_states, 'Delivered'); END IF;

  IF w.account IS NOT NULL THEN fits := fits || format('d.account_id = %L', w.account); END IF;
  IF w.endpoint IS NOT NULL THEN fits := fits || format('d.endpoint_id = %L', w.endpoint); END IF;
  IF w.operation IS NOT NULL THEN fits := fits || format('d.operation_id = %L::bigint', w.operation); END IF;
  IF w.event IS NOT NULL THEN fits := fits || format('d.event_type = %L', w.event); END IF;
  IF w.since IS NOT NULL THEN fits := fits || format('d.created_at >= %L', w.since); END IF;
  IF w.until IS NOT NULL THEN fits := fits || format('d.created_at < %L', w.until); END IF;
  IF w.origin IS NOT NULL THEN
    -- An endpoint may have moved since.
    fits := fits || format($sql$CASE WHEN d.endpoint_id IS NULL THEN d.origin = %L ELSE starts_with(coalesce(
      (SELECT x.url FROM delivery_end x WHERE x.home = d.home AND x.seq = d.seq), (SELECT l.url FROM live_delivery l WHERE l.seq = d.seq), d.url), %L) END$sql$,
      w.origin, w.origin || '/');
  END IF;
  IF w.states IS NOT NULL OR w.error IS NOT NULL THEN
    fits := fits || format($sql$coalesce((SELECT x.state FROM delivery_end x WHERE x.home = d.home AND x.seq = d.seq), 'Pending') = ANY (%L::text[])$sql$, wanted_states);
  END IF;
  IF w.error IS NOT NULL THEN
    fits := fits || format($sql$(SELECT error_class(a.outcome, a.http_status, a.error) FROM attempt a
      WHERE a.home = d.home AND a.delivery_seq = d.seq ORDER BY a.number DESC LIMIT 1) = %L$sql$, w.error);
  END IF;
  known := CASE WHEN fits = '{}' THEN 'true' ELSE array_to_string(fits, ' AND ') END;

  IF w.operation IS NOT NULL THEN
    few := ARRAY[format('SELECT d.home, d.seq FROM delivery d WHERE d.home = %L::bigint', w.operation)];
  ELSIF NOT 'Delivered' = ANY (wanted_states) THEN
    few := CASE WHEN 'Pending' = ANY (wanted_states) THEN deliveries_living(w.account, w.endpoint) ELSE '{}' END || ARRAY(
      SELECT format('SELECT x.home, x.seq FROM delivery_end x WHERE x.state = %L AND x.state <> ''Delivered''', s) FROM unnest(wanted_states) s WHERE s <> 'Pending');
  ELSIF w.event <> 'operation.finished' THEN
    few := ARRAY[format('SELECT d.home, d.seq FROM delivery d WHERE d.event_type = %L AND d.event_type <> ''operation.finished''', w.event)];
  END IF;
  IF few <> '{}' THEN
    source := (SELECT string_agg(format('(SELECT * FROM (%s) f (home, n) WHERE f.n > %s AND f.n < %s ORDER BY f.n %s)', f, low, high, direction), ' UNION ALL ') FROM unnest(few) f);
    source := format('(SELECT f.home, f.n FROM (%s) f ORDER BY f.n %s) f CROSS JOIN LATERAL (SELECT * FROM delivery r WHERE r.home = f.home AND r.seq = f.n OFFSET 0) d', source, direction);
    sources := sources || format('SELECT f.home, f.n AS number, %s AS fits FROM %s ORDER BY f.n %s', known, source, direction);
  END IF;
  along := CASE WHEN w.endpoint IS NOT NULL THEN format(' AND d.endpoint_id = %L', w.endpoint)
    WHEN w.account IS NOT NULL THEN format(' AND d.account_id = %L', w.account) ELSE '' END;
  RETURN QUERY SELECT * FROM walk_page(
    sources || format('SELECT d.home, d.seq AS number, %s AS fits FROM delivery d WHERE d.seq > %s AND d.seq < %s%s ORDER BY d.seq %s', known, low, high, along, direction),
    most, newest_first);
END $$;
