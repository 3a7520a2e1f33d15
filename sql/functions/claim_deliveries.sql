-- Leases dispatched deliveries to a worker, each with a token of its own, and logs their attempts as started, in one commit.
-- Answers those that nobody else has, with what their endpoints ask for.
CREATE OR REPLACE FUNCTION claim_deliveries(hints json, lease interval)
RETURNS TABLE (delivery delivery, endpoint_headers text, retry_schedule float8[], signature_profile text, client_certificate text)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH hint AS MATERIALIZED (
    SELECT h.*, d.endpoint_id, e.disabled_at, e.headers, e.retry_schedule, e.signature_profile, e.client_certificate,
      d.reason IS NOT DISTINCT FROM 'acknowledged_by_poll' AS acknowledged, d.endpoint_id IS NOT NULL AND e.id IS NULL AS orphaned
    FROM json_to_recordset(hints) AS h (id text, epoch integer, token uuid, attempt_id text)
    CROSS JOIN LATERAL (SELECT d.endpoint_id, d.reason FROM delivery d WHERE d.id = h.id LIMIT 1) d
    LEFT JOIN LATERAL (SELECT e.* FROM endpoint e WHERE e.id = d.endpoint_id LIMIT 1) e ON true
  ), claimed AS (
    UPDATE delivery d SET phase = 'running', hinted_at = NULL, attempt_count = d.attempt_count + 1, lease_token = h.token,
      due_at = now() + lease, schedule_step = d.schedule_step + CASE WHEN d.trigger = 'schedule' THEN 1 ELSE 0 END
    FROM hint h
    WHERE d.id = ANY (ARRAY(SELECT h.id FROM hint h)) AND d.id = h.id AND d.epoch = h.epoch AND d.phase = 'hinted'
      AND h.disabled_at IS NULL AND NOT h.orphaned AND d.reason IS DISTINCT FROM 'acknowledged_by_poll'
    RETURNING d, d.id, d.attempt_count, d.trigger, h.attempt_id, h.headers, h.retry_schedule, h.signature_profile, h.client_certificate
  ), over AS (
    UPDATE delivery d SET hinted_at = NULL, due_at = NULL,
      -- Dispatched before its endpoint was disabled: it waits. Owed by an end that did not see yet that the endpoint had been
      -- deleted, or acknowledged during an attempt whose worker went silent: it is owed no more.
      phase = CASE WHEN h.disabled_at IS NOT NULL AND NOT h.acknowledged THEN 'held' END,
      state = CASE WHEN h.disabled_at IS NOT NULL AND NOT h.acknowledged THEN d.state ELSE 'Canceled' END,
      run_at = CASE WHEN h.disabled_at IS NOT NULL AND NOT h.acknowledged THEN d.run_at END,
      reason = CASE WHEN h.orphaned THEN 'endpoint_deleted' ELSE d.reason END
    FROM hint h
    WHERE d.id = ANY (ARRAY(SELECT h.id FROM hint h WHERE h.acknowledged OR h.orphaned OR h.disabled_at IS NOT NULL))
      AND d.id = h.id AND d.epoch = h.epoch AND d.phase = 'hinted'
  ), started AS (
    INSERT INTO attempt (delivery_id, number, id, trigger, outcome)
    SELECT c.id, c.attempt_count, c.attempt_id, c.trigger, 'started' FROM claimed c
  )
  SELECT c.d, c.headers, c.retry_schedule, c.signature_profile, c.client_certificate FROM claimed c;
END $$;
