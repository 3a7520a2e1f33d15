-- Leases dispatched deliveries to a worker, each with a token of its own: the attempt is under way from this commit on. Answers those
-- that nobody else has, with what their endpoints ask for. What indexes have is changed only where a hint would live longer than the lease.
CREATE OR REPLACE FUNCTION claim_deliveries(hints json, lease interval)
RETURNS TABLE (delivery delivery, live live_delivery, endpoint_headers text, retry_schedule float8[], signature_profile text, client_certificate text)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH hint AS MATERIALIZED (
    SELECT h.*, e.disabled_at, e.headers, e.retry_schedule, e.signature_profile, e.client_certificate,
      d.reason IS NOT DISTINCT FROM 'acknowledged_by_poll' AS acknowledged, d.endpoint_id IS NOT NULL AND e.id IS NULL AS orphaned
    FROM json_to_recordset(hints) AS h (seq bigint, epoch integer, token uuid)
    CROSS JOIN LATERAL (SELECT d.endpoint_id, d.reason FROM live_delivery d
      WHERE d.seq = h.seq AND d.epoch = h.epoch AND d.phase = 'placed' AND d.lease_token IS NULL LIMIT 1) d
    LEFT JOIN LATERAL (SELECT e.* FROM endpoint e WHERE e.id = d.endpoint_id LIMIT 1) e ON true
  ), claimed AS (
    UPDATE live_delivery d SET dispatched_at = NULL, attempt_count = d.attempt_count + 1, lease_token = h.token, started_at = now(),
      look_at = least(d.look_at, now() + lease), due_at = now() + lease,
      schedule_step = d.schedule_step + CASE WHEN d.trigger = 'schedule' THEN 1 ELSE 0 END
    FROM hint h
    WHERE d.seq = ANY (ARRAY(SELECT h.seq FROM hint h)) AND d.seq = h.seq AND d.epoch = h.epoch AND d.phase = 'placed' AND d.lease_token IS NULL
      AND h.disabled_at IS NULL AND NOT h.orphaned AND d.reason IS DISTINCT FROM 'acknowledged_by_poll'
    RETURNING d, d.home, d.seq, h.headers, h.retry_schedule, h.signature_profile, h.client_certificate
  ), paused AS (
    -- Dispatched before its endpoint was disabled: it waits.
    UPDATE live_delivery d SET phase = 'paused', dispatched_at = NULL, look_at = 'infinity', due_at = 'infinity'
    FROM hint h
    WHERE d.seq = ANY (ARRAY(SELECT h.seq FROM hint h WHERE h.disabled_at IS NOT NULL AND NOT h.acknowledged))
      AND d.seq = h.seq AND d.epoch = h.epoch AND d.phase = 'placed' AND d.lease_token IS NULL
  ), over AS MATERIALIZED (
    -- Owed by an end that did not see yet that the endpoint had been deleted, or acknowledged during an attempt whose worker went
    -- silent: it is owed no more.
    SELECT n.why, array_agg(n.seq) AS seqs FROM (
      SELECT h.seq, CASE WHEN h.orphaned THEN 'endpoint_deleted' ELSE 'acknowledged_by_poll' END AS why
      FROM hint h WHERE h.orphaned OR h.acknowledged
    ) n GROUP BY n.why
  ), ended AS (
    SELECT count(*) AS count FROM over o CROSS JOIN LATERAL cancel_deliveries(o.seqs, o.why)
  )
  SELECT r.delivery, c.d, c.headers, c.retry_schedule, c.signature_profile, c.client_certificate
  FROM claimed c
  CROSS JOIN LATERAL (SELECT r AS delivery FROM delivery r WHERE r.home = c.home AND r.seq = c.seq LIMIT 1) r
  -- Evaluated before the rest, and so also where nothing is claimed: a join would leave it out then.
  WHERE (SELECT e.count FROM ended e) >= 0;
END $$;
