-- Ends operations whose lease is still the caller's, and makes the deliveries that they owe, in one commit. Of those `starts` it
-- also leases the callback to the caller, its first attempt under way, where there is room for it. Answers those that were
-- ended: the callback's number, whether it is the caller's, whether deliveries are left to the dispatcher, and whether operations wait
-- for a slot, or for a place of a flow key that has become free. `endings` come in the order of their request ids, as all who take many rows do: none waits for another in a circle.
-- What not every end needs is in functions of its own: a statement costs by its parts, also where they find no row.
CREATE OR REPLACE FUNCTION settle_operations(endings json, starts json, in_flight integer, lease interval)
RETURNS TABLE (request_id bigint, callback bigint, started boolean, owes boolean, waits boolean)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  starting bigint[]; tokens uuid[]; doubts integer[];
  ids bigint[]; accounts text[]; callbacks bigint[]; started boolean[]; owed boolean[]; told bigint[];
  gateway boolean; stored boolean; endpoints boolean; freed boolean;
  wait boolean := operations_wait();
BEGIN
  IF starts IS NOT NULL THEN
    SELECT array_agg(f.request_id), array_agg(f.token), array_agg(f.doubt) INTO starting, tokens, doubts FROM first_attempts(starts, in_flight) f;
  END IF;
  WITH ending AS MATERIALIZED (
    SELECT * FROM json_to_recordset(endings) AS e (
      request_id bigint, token uuid, rid text, face text, created_at timestamptz, traceparent text, state text, status_text text,
      progress real, result text, custom text, error_code text, error_message text, file_id text, finished_at timestamptz,
      expires_at timestamptz, stack text, callback json, event_type text, followed boolean)
  ), settled AS (
    -- The fence: whose token doesn't stand any more ends nothing. All below follows from the rows that are deleted here.
    DELETE FROM live_operation o USING ending e
    WHERE o.request_id = ANY (ARRAY(SELECT e.request_id FROM ending e)) AND o.request_id = e.request_id AND o.lease_token = e.token
      -- 0.1.0 doesn't make what follows on the end of a message: it is left to who does. Nothing follows on a cancel.
      AND (o.type <> 'qstash.message' OR e.followed OR e.state = 'Canceled')
    RETURNING e.*, o.account_id, o.type, o.attempt, o.started_at, o.transitions, o.silent_until, o.flow_place
  ), closing AS MATERIALIZED (
    SELECT s.*, concat_ws(E'\n', s.transitions, transition(s.state, coalesce(s.error_message, s.status_text), s.progress, s.stack)) AS told
    FROM settled s
  ), ended AS (
    INSERT INTO operation_end (request_id, state, attempt, progress, started_at, finished_at, expires_at, status_text, result, custom,
      error_code, error_message, file_id, transitions)
    SELECT c.request_id, c.state, c.attempt, c.progress, c.started_at, c.finished_at, c.expires_at, c.status_text, c.result, c.custom,
      c.error_code, c.error_message, c.file_id, c.told
    FROM closing c
  ), booked AS (
    INSERT INTO ledger_entry (type, state, ended, destined) SELECT s.type, s.state, count(*), count(s.callback) FROM settled s GROUP BY s.type, s.state
  ), calling AS MATERIALIZED (
    -- While the operation is silent, its callback waits.
    SELECT s.request_id, s.rid, s.account_id, s.event_type, s.created_at, s.traceparent, nextval('record_id') AS seq, c.*,
      greatest(s.silent_until, now()) AS run_at, w.silent, b.token IS NOT NULL AND NOT w.silent AS starts, b.token, b.doubt
    FROM settled s CROSS JOIN LATERAL json_to_record(s.callback) AS c (id text, url text, origin text, headers text, body text)
    LEFT JOIN unnest(starting, tokens, doubts) AS b (request_id, token, doubt) ON b.request_id = s.request_id
    CROSS JOIN LATERAL (SELECT coalesce(s.silent_until > now(), false) AS silent) w
    WHERE s.callback IS NOT NULL
  ), called AS (
    INSERT INTO delivery (home, seq, id, account_id, operation_id, operation_rid, destination, event_type, url, origin, headers, body, accepted_at, traceparent)
    SELECT c.request_id, c.seq, c.id, c.account_id, c.request_id, c.rid, 'callback', c.event_type, c.url, c.origin,
      -- As they are sealed now: with another key, maybe, than when it was claimed.
      CASE WHEN c.headers IS NOT NULL THEN (SELECT o.callback_headers FROM operation o WHERE o.request_id = c.request_id LIMIT 1) END,
      c.body, c.created_at, c.traceparent
    FROM calling c
  ), called_live AS (
    -- One that starts is attempt 1, under way from this commit on.
    INSERT INTO live_delivery (seq, home, account_id, operation_id, lane, receiver, origin, phase, look_at, due_at, run_at,
      lease_token, doubt, attempt_count, schedule_step, started_at)
    SELECT c.seq, c.request_id, c.account_id, c.request_id, c.origin, receiver_of(c.account_id, c.url), c.origin,
      CASE WHEN c.silent THEN 'scheduled' WHEN c.starts THEN 'placed' ELSE 'ready' END, n.next, n.next, c.run_at,
      CASE WHEN c.starts THEN c.token END, CASE WHEN c.starts THEN c.doubt ELSE 0 END, c.starts::integer, c.starts::integer,
      CASE WHEN c.starts THEN now() END
    FROM calling c CROSS JOIN LATERAL (SELECT CASE WHEN c.starts THEN now() + lease ELSE c.run_at END AS next) n
  )
  SELECT array_agg(s.request_id), array_agg(s.account_id), array_agg(c.seq), array_agg(coalesce(c.starts, false)),
    array_agg(coalesce(NOT c.starts AND NOT c.silent, false)), bool_or(s.face = 'bgrs'),
    bool_or((SELECT f.id FROM file f WHERE f.operation_id = s.request_id AND f.phase = 'stored' LIMIT 1) IS NOT NULL),
    bool_or((SELECT e.id FROM endpoint e WHERE e.account_id = s.account_id LIMIT 1) IS NOT NULL),
    bool_or(s.flow_place)
  INTO ids, accounts, callbacks, started, owed, gateway, stored, endpoints, freed
  FROM settled s LEFT JOIN calling c USING (request_id);
  IF gateway THEN
    PERFORM note_done(endings, ids);
  END IF;
  IF stored THEN
    PERFORM keep_files(endings, ids);
  END IF;
  IF endpoints THEN
    told := tell_endpoints(endings, ids, accounts);
  END IF;
  RETURN QUERY SELECT s.id, s.callback, s.starts, s.owes OR s.id = ANY (coalesce(told, '{}')), wait OR freed
  FROM unnest(ids, callbacks, started, owed) AS s (id, callback, starts, owes);
END $$;
