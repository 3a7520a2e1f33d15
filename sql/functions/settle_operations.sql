-- Ends operations whose lease is still the caller's, and makes the deliveries that they owe, in one commit. Of those `starts` it
-- also leases the callback to the caller, with its first attempt in the log, where there is room for it. Answers those that were
-- ended: whether the callback is the caller's, whether deliveries are left to the dispatcher, and whether operations wait for a slot.
-- `endings` come in the order of their request ids, as all who take many rows do: none waits for another in a circle.
CREATE OR REPLACE FUNCTION settle_operations(endings json, starts json, in_flight integer, lease interval)
RETURNS TABLE (request_id bigint, started boolean, owes boolean, waits boolean)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  ids bigint[]; tokens uuid[]; attempts text[]; doubts integer[];
BEGIN
  IF starts IS NOT NULL THEN
    WITH start AS MATERIALIZED (
      SELECT * FROM ROWS FROM (json_to_recordset(starts) AS (request_id bigint, token uuid, attempt_id text, account_id text, origin text, url text))
        WITH ORDINALITY AS s (request_id, token, attempt_id, account_id, origin, url, nth)
    )
    SELECT array_agg(s.request_id), array_agg(s.token), array_agg(s.attempt_id), array_agg(f.doubt) INTO ids, tokens, attempts, doubts
    FROM start s JOIN first_attempts((SELECT array_agg(s.origin ORDER BY s.nth) FROM start s),
      (SELECT array_agg(receiver_of(s.account_id, s.url) ORDER BY s.nth) FROM start s), in_flight) f USING (nth);
  END IF;
  RETURN QUERY
  WITH ending AS MATERIALIZED (
    SELECT * FROM json_to_recordset(endings) AS e (
      request_id bigint, token uuid, state text, status_text text, progress real, result text, custom text, error_code text,
      error_message text, file_id text, finished_at timestamptz, expires_at timestamptz, stack text,
      -- The operation's own callback, and what its account's endpoints are told.
      callback json, event_type text, event_body text, event_thin text, event_bare text, thin_over integer)
  ), settled AS (
    UPDATE operation o SET state = e.state, phase = NULL, due_at = NULL, lease_token = NULL, status_text = e.status_text,
      progress = e.progress, result = e.result, custom = e.custom, error_code = e.error_code, error_message = e.error_message,
      file_id = e.file_id, finished_at = e.finished_at, expires_at = e.expires_at
    FROM ending e
    WHERE o.request_id = ANY (ARRAY(SELECT e.request_id FROM ending e))
      AND o.request_id = e.request_id AND o.lease_token = e.token AND o.phase = 'running'
    RETURNING o.request_id, o.rid, o.account_id, o.face, o.silent_until, o.created_at, o.traceparent, o.state, o.progress, o.expires_at,
      coalesce(e.error_message, e.status_text) AS text, e.stack, e.callback, e.event_type, e.event_body, e.event_thin, e.event_bare, e.thin_over
  ), noted AS (
    INSERT INTO history_entry (operation_id, kind, state, progress, text, stack)
    SELECT s.request_id, 'transition', s.state, s.progress, s.text, s.stack FROM settled s
    -- What the callers of the gateway wait for in the details.
    UNION ALL SELECT s.request_id, 'log', NULL, NULL, 'done', NULL FROM settled s WHERE s.face = 'bgrs'
  ), kept AS (
    -- What its runs stored lives as long as it does.
    UPDATE file f SET expires_at = s.expires_at FROM settled s
    WHERE f.operation_id = ANY (ARRAY(SELECT s.request_id FROM settled s)) AND f.operation_id = s.request_id AND f.phase = 'stored'
  ), called AS (
    -- While the operation is silent, its callback waits.
    INSERT INTO delivery (operation_id, operation_rid, account_id, event_type, id, destination, url, origin, headers, body,
      lane, receiver, accepted_at, traceparent, phase, due_at, run_at, lease_token, doubt, attempt_count, schedule_step)
    SELECT s.request_id, s.rid, s.account_id, s.event_type, c.id, 'callback', c.url, c.origin, c.headers, c.body,
      c.origin, receiver_of(s.account_id, c.url), s.created_at, s.traceparent,
      CASE WHEN w.silent THEN 'scheduled' WHEN w.starts THEN 'running' ELSE 'ready' END,
      CASE WHEN w.starts THEN now() + lease ELSE greatest(s.silent_until, now()) END, greatest(s.silent_until, now()),
      CASE WHEN w.starts THEN b.token END, CASE WHEN w.starts THEN b.doubt ELSE 0 END, w.starts::integer, w.starts::integer
    FROM settled s CROSS JOIN LATERAL json_to_record(s.callback) AS c (id text, url text, origin text, headers text, body text)
    LEFT JOIN unnest(ids, tokens, doubts) AS b (request_id, token, doubt) ON b.request_id = s.request_id
    CROSS JOIN LATERAL (
      SELECT coalesce(s.silent_until > now(), false) AS silent, b.token IS NOT NULL AND (s.silent_until > now()) IS NOT TRUE AS starts
    ) w
    WHERE s.callback IS NOT NULL
    ON CONFLICT ON CONSTRAINT delivery_once DO NOTHING
    RETURNING operation_id, id, phase
  ), logged AS (
    INSERT INTO attempt (delivery_id, number, id, trigger, outcome)
    SELECT c.id, 1, b.attempt_id, 'schedule', 'started'
    FROM called c JOIN unnest(ids, attempts) AS b (request_id, attempt_id) ON b.request_id = c.operation_id WHERE c.phase = 'running'
  ), told AS (
    INSERT INTO delivery (operation_id, operation_rid, account_id, event_type, id, destination, url, origin, endpoint_id, body,
      lane, accepted_at, traceparent, phase, due_at)
    SELECT s.request_id, s.rid, s.account_id, s.event_type, new_delivery_id(), e.id, e.url, e.origin, e.id,
      -- Without the result, or without all that its handler gave, where the endpoint takes no more. What is under 16 KiB keeps `custom`.
      CASE WHEN s.event_thin IS NULL OR octet_length(s.event_body) <= coalesce(e.thin_over, s.thin_over) THEN s.event_body
        WHEN s.event_bare IS NULL OR octet_length(s.event_thin) <= greatest(coalesce(e.thin_over, s.thin_over), 16384) THEN s.event_thin ELSE s.event_bare END,
      e.id, s.created_at, s.traceparent, CASE WHEN e.disabled_at IS NULL THEN 'ready' ELSE 'held' END, CASE WHEN e.disabled_at IS NULL THEN now() END
    FROM settled s JOIN endpoint e ON e.account_id = s.account_id AND s.event_type = ANY (e.events)
    WHERE e.account_id = ANY (ARRAY(SELECT s.account_id FROM settled s))
    ON CONFLICT ON CONSTRAINT delivery_once DO NOTHING
    RETURNING operation_id
  )
  SELECT s.request_id, coalesce(c.phase = 'running', false), c.phase = 'ready' OR s.request_id IN (SELECT t.operation_id FROM told t), w.wait
  FROM settled s LEFT JOIN called c ON c.operation_id = s.request_id CROSS JOIN (SELECT operations_wait() AS wait) w;
END $$;
