-- Gives the workers' places of these runs up, whose lease is still the caller's: each goes on being Executing, and nobody runs it. What
-- awaits a completion is due when its last token expires, a poll after `wait_s`. One that is `slotless` gives its slot up as well.
-- Answers the caller's own: those stay leased to it, and are to be ended by it, that a caller has asked to cancel (`canceling`), whose
-- completion has come already (`completed`), or that have no token (`until` is null). `given` comes in the order of the request ids.
CREATE OR REPLACE FUNCTION await_operations(given json)
RETURNS TABLE (request_id bigint, canceling boolean, completed boolean, until timestamptz)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  ids bigint[] := ARRAY(SELECT g.request_id FROM json_to_recordset(given) AS g (request_id bigint));
BEGIN
  -- Whoever completes one takes the row's lock first, so what has come by now is seen below.
  PERFORM FROM live_operation o WHERE o.request_id = ANY (ids) ORDER BY o.request_id FOR UPDATE;
  RETURN QUERY
  WITH given AS MATERIALIZED (
    SELECT * FROM json_to_recordset(given) AS g (request_id bigint, token uuid, awaits text, wait_s float8, slotless boolean, checkpoint text)
  ), held AS MATERIALIZED (
    SELECT g.*, o.cancel_at IS NOT NULL AS canceling, coalesce(c.completed, false) AS completed,
      CASE g.awaits WHEN 'completion' THEN c.expires_at ELSE now() + make_interval(secs => g.wait_s) END AS until
    FROM given g JOIN live_operation o USING (request_id)
    CROSS JOIN LATERAL (
      SELECT bool_or(c.digest IS NOT NULL) AS completed, max(c.expires_at) AS expires_at FROM completion c
      WHERE g.awaits = 'completion' AND c.operation_id = g.request_id) c
    WHERE o.request_id = ANY (ids) AND o.lease_token = g.token
  ), moved AS (
    UPDATE live_operation o SET phase = CASE WHEN h.slotless OR o.phase IN ('apart', 'aside') THEN 'aside' ELSE 'awaiting' END,
      awaits = h.awaits, lease_token = NULL, look_at = h.until, due_at = h.until, checkpoint = coalesce(h.checkpoint, o.checkpoint), unhandled_since = NULL
    FROM held h
    WHERE o.request_id = ANY (ids) AND o.request_id = h.request_id AND NOT h.canceling AND NOT h.completed AND h.until IS NOT NULL
  )
  SELECT h.request_id, h.canceling, h.completed, h.until FROM held h;
  IF strpos(given::text, '"after_s"') > 0 THEN
    PERFORM begin_polls(given);
  END IF;
END $$;
