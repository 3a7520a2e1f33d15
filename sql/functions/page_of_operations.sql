-- A page of the operations that are wanted, in the order of their numbers, beyond `reached` (null: from the first, or the newest).
-- Conditions that aren't given let all through; `account` is null for all accounts. What few operations are is walked by an index of
-- just those, where there is one; all else along the account's operations.
CREATE OR REPLACE FUNCTION page_of_operations(wanted json, reached bigint, most integer, newest_first boolean)
RETURNS TABLE (numbers bigint[], next bigint)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
  w record; low bigint; high bigint; named bigint[]; direction text := CASE WHEN newest_first THEN 'DESC' ELSE 'ASC' END;
  fits text[] := '{}'; ended text[] := '{}'; few text[] := '{}'; sources text[] := '{}'; owing text[]; known text; source text;
BEGIN
  SELECT * INTO w FROM json_to_record(wanted) AS j (account text, states text[], types text[], correlation text, request_id bigint,
    error_code text, callback_states text[], origin text, created_after timestamptz, created_before timestamptz,
    finished_after timestamptz, finished_before timestamptz, undelivered boolean, below bigint, except_type text, schedule text, flow text,
    rids text[], with_input boolean);
  -- Between which numbers: what has finished before a time was made before it.
  low := greatest(CASE WHEN NOT newest_first THEN reached END, (SELECT n.below FROM numbers_around(w.created_after, false) n WHERE w.created_after IS NOT NULL), 0);
  high := least(CASE WHEN newest_first THEN reached END, (SELECT n.above FROM numbers_around(least(w.created_before, w.finished_before), false) n
    WHERE least(w.created_before, w.finished_before) IS NOT NULL), w.below, 9223372036854775807);

  IF w.account IS NOT NULL THEN fits := fits || format('o.account_id = %L', w.account); END IF;
  IF w.types IS NOT NULL THEN fits := fits || format('o.type = ANY (%L::text[])', w.types); END IF;
  IF w.except_type IS NOT NULL THEN fits := fits || format('o.type <> %L', w.except_type); END IF;
  IF w.correlation IS NOT NULL THEN fits := fits || format('o.correlation = %L', w.correlation); END IF;
  IF w.schedule IS NOT NULL THEN fits := fits || format('o.schedule_id = %L', w.schedule); END IF;
  IF w.flow IS NOT NULL THEN fits := fits || format('o.flow::json ->> ''key'' = %L', w.flow); END IF;
  IF w.rids IS NOT NULL THEN
    named := ARRAY(SELECT o.request_id FROM operation o WHERE o.rid = ANY (w.rids));
    fits := fits || format('o.request_id = ANY (%L::bigint[])', named);
  END IF;
  IF w.with_input THEN fits := fits || 'o.input IS NOT NULL'::text; END IF;
  IF w.request_id IS NOT NULL THEN fits := fits || format('o.request_id = %L::bigint', w.request_id); END IF;
  IF w.origin IS NOT NULL THEN fits := fits || format('starts_with(o.callback_url, %L)', w.origin || '/'); END IF;
  IF w.created_after IS NOT NULL THEN fits := fits || format('o.created_at > %L', w.created_after); END IF;
  IF w.created_before IS NOT NULL THEN fits := fits || format('o.created_at < %L', w.created_before); END IF;
  IF w.error_code IS NOT NULL THEN ended := ended || format('e.error_code = %L', w.error_code); END IF;
  IF w.finished_after IS NOT NULL THEN ended := ended || format('e.finished_at > %L', w.finished_after); END IF;
  IF w.finished_before IS NOT NULL THEN ended := ended || format('e.finished_at < %L', w.finished_before); END IF;
  IF w.states <@ '{Finished,Failed,Canceled}' THEN
    ended := ended || format('e.state = ANY (%L::text[])', w.states);
  ELSIF w.states IS NOT NULL THEN
    fits := fits || format($sql$coalesce((SELECT e.state FROM operation_end e WHERE e.request_id = o.request_id),
      (SELECT CASE WHEN l.phase IN ('placed', 'apart') AND l.lease_token IS NOT NULL OR l.awaits IS NOT NULL THEN 'Executing' ELSE 'Waiting' END
       FROM live_operation l WHERE l.request_id = o.request_id)) = ANY (%L::text[])$sql$, w.states);
  END IF;
  IF ended <> '{}' THEN
    fits := fits || format('(SELECT %s FROM operation_end e WHERE e.request_id = o.request_id)', array_to_string(ended, ' AND '));
  END IF;
  IF w.callback_states IS NOT NULL THEN
    fits := fits || format($sql$o.callback_url IS NOT NULL AND coalesce(
      (SELECT coalesce((SELECT x.state FROM delivery_end x WHERE x.home = d.home AND x.seq = d.seq), 'Pending')
       FROM delivery d WHERE d.home = o.request_id AND d.destination = 'callback' LIMIT 1),
      (SELECT 'Canceled' FROM operation_end e WHERE e.request_id = o.request_id AND e.silent), 'Pending') = ANY (%L::text[])$sql$, w.callback_states);
  END IF;
  IF w.undelivered THEN
    fits := fits || $sql$(SELECT true FROM delivery d WHERE d.home = o.request_id AND d.operation_id = o.request_id AND coalesce(
      (SELECT l.reason IS DISTINCT FROM 'acknowledged_by_poll' FROM live_delivery l WHERE l.seq = d.seq),
      (SELECT true FROM undelivered u WHERE u.home = d.home AND u.seq = d.seq)) LIMIT 1)$sql$::text;
  END IF;
  known := CASE WHEN fits = '{}' THEN 'true' ELSE array_to_string(fits, ' AND ') END;

  IF w.request_id IS NOT NULL THEN
    few := ARRAY[format('SELECT %L::bigint AS request_id', w.request_id)];
  ELSIF named IS NOT NULL THEN
    few := ARRAY[format('SELECT unnest(%L::bigint[]) AS request_id', named)];
  ELSIF w.schedule IS NOT NULL THEN
    few := ARRAY[format('SELECT o.request_id FROM operation o WHERE o.schedule_id = %L', w.schedule)];
  ELSIF w.correlation IS NOT NULL THEN
    few := ARRAY[format('SELECT o.request_id FROM operation o WHERE o.correlation = %L', w.correlation)];
  ELSIF w.error_code IS NOT NULL THEN
    few := ARRAY[format('SELECT e.request_id FROM operation_end e WHERE e.error_code = %L', w.error_code)];
  ELSIF w.undelivered OR w.callback_states <@ '{Pending,Exhausted}' THEN
    -- Null where too many owe something: then they are most of what is there.
    owing := operations_owing(w.account);
    IF w.undelivered AND owing IS NOT NULL THEN
      few := owing || CASE WHEN w.account IS NULL THEN 'SELECT u.home FROM undelivered u WHERE u.operation_id IS NOT NULL'
        ELSE format('SELECT u.operation_id FROM undelivered u WHERE u.account_id = %L AND u.operation_id IS NOT NULL', w.account) END;
    ELSIF w.callback_states = '{Exhausted}' OR owing IS NOT NULL THEN
      few := CASE WHEN 'Pending' = ANY (w.callback_states) THEN owing || operations_living(w.account, true, true) ELSE '{}' END
        || CASE WHEN 'Exhausted' = ANY (w.callback_states) THEN ARRAY['SELECT x.home FROM delivery_end x WHERE x.state = ''Exhausted'''] ELSE '{}' END;
    END IF;
  ELSIF NOT 'Finished' = ANY (w.states) THEN
    few := CASE WHEN w.states && '{Waiting,Executing}' THEN operations_living(w.account, 'Waiting' = ANY (w.states), 'Executing' = ANY (w.states)) ELSE '{}' END
      || ARRAY(SELECT format('SELECT e.request_id FROM operation_end e WHERE e.state = %L AND e.state <> ''Finished''', s) FROM unnest(w.states) s WHERE s IN ('Failed', 'Canceled'));
  END IF;
  IF few <> '{}' THEN
    source := (SELECT string_agg(format('(SELECT * FROM (%s) f (n) WHERE f.n > %s AND f.n < %s ORDER BY f.n %s)', f, low, high, direction), ' UNION ALL ') FROM unnest(few) f);
    source := format('(SELECT DISTINCT f.n FROM (%s) f ORDER BY f.n %s) f CROSS JOIN LATERAL (SELECT * FROM operation r WHERE r.request_id = f.n OFFSET 0) o', source, direction);
    sources := sources || format('SELECT f.n AS home, f.n AS number, %s AS fits FROM %s ORDER BY f.n %s', known, source, direction);
  END IF;
  source := format('o.request_id > %s AND o.request_id < %s', low, high) || CASE WHEN w.account IS NULL THEN '' ELSE format(' AND o.account_id = %L', w.account) END;
  RETURN QUERY SELECT p.numbers, p.next FROM walk_page(
    sources || format('SELECT o.request_id AS home, o.request_id AS number, %s AS fits FROM operation o WHERE %s ORDER BY o.request_id %s', known, source, direction),
    most, newest_first) p;
END $$;
