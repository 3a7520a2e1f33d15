-- Ends operations whose lease is still the caller's, and makes the deliveries that they owe, in one commit. Answers those that
-- were ended, and whether deliveries were made. `endings` come in the order of their request ids, as all who take many rows do:
-- none waits for another in a circle.
CREATE OR REPLACE FUNCTION settle_operations(endings json)
RETURNS TABLE (request_id bigint, owes boolean)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH ending AS MATERIALIZED (
    SELECT * FROM json_to_recordset(endings) AS e (
      request_id bigint, token uuid, state text, status_text text, progress real, result text, custom text, error_code text,
      error_message text, file_id text, finished_at timestamptz, expires_at timestamptz, stack text,
      -- The operation's own callback, and what its account's endpoints are told.
      callback json, event_type text, event_body text)
  ), settled AS (
    UPDATE operation o SET state = e.state, phase = NULL, due_at = NULL, lease_token = NULL, status_text = e.status_text,
      progress = e.progress, result = e.result, custom = e.custom, error_code = e.error_code, error_message = e.error_message,
      file_id = e.file_id, finished_at = e.finished_at, expires_at = e.expires_at
    FROM ending e
    WHERE o.request_id = ANY (ARRAY(SELECT e.request_id FROM ending e))
      AND o.request_id = e.request_id AND o.lease_token = e.token AND o.phase = 'running'
    RETURNING o.request_id, o.rid, o.account_id, o.face, o.silent_until, o.created_at, o.traceparent, o.state, o.progress, o.expires_at,
      coalesce(e.error_message, e.status_text) AS text, e.stack, e.callback, e.event_type, e.event_body
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
      lane, receiver, accepted_at, traceparent, phase, due_at, run_at)
    SELECT s.request_id, s.rid, s.account_id, s.event_type, c.id, 'callback', c.url, c.origin, c.headers, c.body,
      c.origin, receiver_of(s.account_id, c.url), s.created_at, s.traceparent,
      CASE WHEN s.silent_until > now() THEN 'scheduled' ELSE 'ready' END, greatest(s.silent_until, now()), greatest(s.silent_until, now())
    FROM settled s CROSS JOIN LATERAL json_to_record(s.callback) AS c (id text, url text, origin text, headers text, body text)
    WHERE s.callback IS NOT NULL
    ON CONFLICT ON CONSTRAINT delivery_once DO NOTHING
  ), told AS (
    INSERT INTO delivery (operation_id, operation_rid, account_id, event_type, id, destination, url, origin, endpoint_id, body,
      lane, accepted_at, traceparent, phase, due_at)
    SELECT s.request_id, s.rid, s.account_id, s.event_type, new_delivery_id(), e.id, e.url, e.origin, e.id, s.event_body,
      e.id, s.created_at, s.traceparent, CASE WHEN e.disabled_at IS NULL THEN 'ready' ELSE 'held' END, CASE WHEN e.disabled_at IS NULL THEN now() END
    FROM settled s JOIN endpoint e ON e.account_id = s.account_id AND s.event_type = ANY (e.events)
    WHERE e.account_id = ANY (ARRAY(SELECT s.account_id FROM settled s))
    ON CONFLICT ON CONSTRAINT delivery_once DO NOTHING
    RETURNING operation_id
  )
  SELECT s.request_id, s.callback IS NOT NULL OR s.request_id IN (SELECT t.operation_id FROM told t) FROM settled s;
END $$;
