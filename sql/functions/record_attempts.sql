-- Logs how attempts ended whose lease is still the caller's, together with what becomes of their deliveries and what was learnt
-- of their origins, receivers and endpoints, in one commit. Answers those that were recorded: whether its endpoint has failed without
-- a success for `forgiven`, and whether deliveries wait for a place. `records` come in an order that all keep: none waits for another in a circle.
CREATE OR REPLACE FUNCTION record_attempts(records json, forgiven interval, rest interval)
RETURNS TABLE (id text, failed_for_days boolean, waits boolean)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH record AS MATERIALIZED (
    SELECT * FROM json_to_recordset(records) AS r (
      id text, token uuid, number integer, outcome text, state text, reason text, delay_s float8, duration_ms real, phases_ms text,
      http_status integer, error text, detail text, request_headers text, response_headers text, response_body text,
      response_truncated boolean, resent boolean, retry_after_s integer, interrupted boolean, counts boolean, exhausted_body text)
  ), moved AS (
    -- Acknowledged during the attempt: there is no other after it.
    UPDATE delivery d SET lease_token = NULL,
      state = CASE WHEN d.reason = 'acknowledged_by_poll' AND r.state = 'Pending' THEN 'Canceled' ELSE r.state END,
      reason = CASE WHEN d.reason = 'acknowledged_by_poll' AND r.state <> 'Delivered' THEN d.reason ELSE r.reason END,
      given_up_reason = CASE WHEN r.interrupted OR r.reason = 'acknowledged_by_poll' THEN d.given_up_reason
        WHEN d.reason = 'acknowledged_by_poll' AND r.state = 'Exhausted' THEN r.reason END,
      trigger = CASE WHEN r.interrupted THEN d.trigger ELSE 'schedule' END,
      resume_at = CASE WHEN r.interrupted THEN d.resume_at END,
      schedule_step = d.schedule_step - CASE WHEN r.interrupted AND d.trigger = 'schedule' THEN 1 ELSE 0 END,
      phase = CASE WHEN r.delay_s IS NULL OR d.reason = 'acknowledged_by_poll' THEN NULL WHEN r.delay_s > 0 THEN 'scheduled' ELSE 'ready' END,
      due_at = CASE WHEN d.reason IS DISTINCT FROM 'acknowledged_by_poll' THEN now() + make_interval(secs => r.delay_s) END,
      run_at = CASE WHEN d.reason IS DISTINCT FROM 'acknowledged_by_poll' THEN now() + make_interval(secs => r.delay_s) END,
      delivered_at = coalesce(d.delivered_at, CASE WHEN r.state = 'Delivered' THEN now() END)
    FROM record r
    WHERE d.id = ANY (ARRAY(SELECT r.id FROM record r)) AND d.id = r.id AND d.lease_token = r.token AND d.phase = 'running'
    RETURNING d.id, d.run_at, d.endpoint_id, d.origin, d.account_id, d.lane, d.receiver, r.outcome, r.counts, r.exhausted_body,
      r.http_status IS NOT NULL AS answered, r.http_status IS NULL AND r.outcome = 'failed' AS silent
  ), logged AS (
    UPDATE attempt a SET outcome = r.outcome, duration_ms = r.duration_ms, phases_ms = r.phases_ms, http_status = r.http_status,
      error = r.error, detail = r.detail, request_headers = r.request_headers, response_headers = r.response_headers,
      response_body = r.response_body, response_truncated = r.response_truncated, resent = r.resent, retry_after_s = r.retry_after_s,
      next_attempt_at = m.run_at
    FROM record r JOIN moved m USING (id)
    WHERE a.delivery_id = ANY (ARRAY(SELECT m.id FROM moved m)) AND a.delivery_id = r.id AND a.number = r.number
  ), proven AS (
    INSERT INTO origin (name, proven_at, receiver)
    SELECT n.origin, now(), CASE WHEN count(*) = 1 THEN min(n.receiver) ELSE '' END
    FROM (SELECT DISTINCT m.origin, m.lane || ' ' || m.receiver AS receiver FROM moved m WHERE m.outcome = 'delivered') n
    LEFT JOIN LATERAL (SELECT k.proven_at, k.receiver FROM origin k WHERE k.name = n.origin LIMIT 1) k ON true
    WHERE k.proven_at IS NULL OR k.receiver IS NULL OR k.receiver NOT IN ('', n.receiver)
    GROUP BY n.origin ORDER BY n.origin
    ON CONFLICT (name) DO UPDATE SET proven_at = coalesce(origin.proven_at, now()),
      receiver = CASE coalesce(origin.receiver, excluded.receiver) WHEN excluded.receiver THEN excluded.receiver ELSE '' END
  ), rested AS (
    UPDATE origin k SET rests_until = now() + rest * random()
    FROM (SELECT m.origin FROM moved m GROUP BY m.origin HAVING bool_or(m.silent) AND NOT bool_or(m.outcome = 'delivered')) n
    WHERE k.name = ANY (ARRAY(SELECT m.origin FROM moved m WHERE m.silent)) AND k.name = n.origin AND k.proven_at IS NULL
  ), learnt AS (
    -- Only where it turns. One that takes connections and never answers would fill its origin up to the cap: it has to answer anew.
    INSERT INTO receiver (lane, receiver, answers, rests_until)
    SELECT m.lane, m.receiver, bool_or(m.answered), CASE WHEN bool_or(m.answered) THEN '-infinity' ELSE now() + rest * random() END
    FROM moved m
    LEFT JOIN LATERAL (SELECT k.answers FROM receiver k WHERE k.lane = m.lane AND k.receiver = m.receiver LIMIT 1) k ON true
    GROUP BY m.lane, m.receiver, k.answers
    HAVING CASE WHEN bool_or(m.answered) THEN k.answers IS NOT TRUE ELSE bool_or(m.silent) END
    ORDER BY m.lane, m.receiver
    ON CONFLICT (lane, receiver) DO UPDATE SET answers = excluded.answers, known_at = now(), rests_until = excluded.rests_until
  ), health AS (
    -- Only where it turns: an endpoint's row is not written with every attempt.
    UPDATE endpoint e SET failing_since = CASE WHEN n.succeeded THEN NULL ELSE now() END
    FROM (
      SELECT m.endpoint_id, bool_or(m.outcome = 'delivered') AS succeeded FROM moved m
      WHERE m.endpoint_id IS NOT NULL AND m.counts AND m.outcome <> 'unknown' GROUP BY m.endpoint_id
    ) n
    WHERE e.id = ANY (ARRAY(SELECT m.endpoint_id FROM moved m)) AND e.id = n.endpoint_id AND (e.failing_since IS NOT NULL) = n.succeeded
  ), told AS (
    INSERT INTO delivery (account_id, event_type, body, id, endpoint_id, lane, destination, url, origin, phase, due_at)
    SELECT m.account_id, 'delivery.exhausted', m.exhausted_body, new_delivery_id(), e.id, e.id, e.id, e.url, e.origin,
      CASE WHEN e.disabled_at IS NULL THEN 'ready' ELSE 'held' END, CASE WHEN e.disabled_at IS NULL THEN now() END
    FROM moved m JOIN endpoint e ON e.account_id = m.account_id AND 'delivery.exhausted' = ANY (e.events) AND e.id IS DISTINCT FROM m.endpoint_id
    WHERE m.exhausted_body IS NOT NULL AND e.account_id = ANY (ARRAY(SELECT m.account_id FROM moved m WHERE m.exhausted_body IS NOT NULL))
  )
  SELECT m.id, m.counts AND m.outcome = 'failed' AND e.failing_since <= now() - forgiven, w.wait
  FROM moved m
  LEFT JOIN LATERAL (SELECT e.failing_since FROM endpoint e WHERE e.id = m.endpoint_id LIMIT 1) e ON true
  CROSS JOIN (SELECT deliveries_wait() AS wait) w;
END $$;
