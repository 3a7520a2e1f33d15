-- Logs how attempts ended whose lease is still the caller's, together with what becomes of their deliveries and what was learnt
-- of their origins, receivers and endpoints, in one commit. Answers those that were recorded: whether its endpoint has failed without
-- a success for `forgiven`, and whether deliveries wait for a place. `records` come in an order that all keep: none waits for another in a circle.
CREATE OR REPLACE FUNCTION record_attempts(records json, forgiven interval, rest interval)
RETURNS TABLE (seq bigint, failed_for_days boolean, waits boolean)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  wait boolean := deliveries_wait();
BEGIN
  RETURN QUERY
  WITH record AS MATERIALIZED (
    SELECT * FROM json_to_recordset(records) AS r (
      seq bigint, token uuid, number integer, outcome text, state text, reason text, delay_s float8, duration_ms real, phases_ms text,
      http_status integer, error text, detail text, request_headers text, response_headers text, response_body text,
      response_truncated boolean, resent boolean, retry_after_s integer, interrupted boolean, counts boolean, exhausted_body text)
  ), locked AS MATERIALIZED (
    -- Locked before anything is decided: whether it was acknowledged meanwhile is then the same for all that follows.
    SELECT d.* FROM record r JOIN live_delivery d ON d.seq = r.seq
    WHERE d.seq = ANY (ARRAY(SELECT r.seq FROM record r)) AND d.lease_token = r.token ORDER BY d.seq FOR UPDATE OF d
  ), moved AS MATERIALIZED (
    -- Acknowledged during the attempt: there is no other after it.
    SELECT l.seq, l.home, l.account_id, l.operation_id, l.endpoint_id, l.lane, l.receiver, l.origin, l.url, l.epoch, l.attempt_count,
      l.trigger, l.started_at, l.delivered_at, r.outcome, r.counts, r.interrupted, r.exhausted_body, a.acknowledged,
      r.http_status IS NOT NULL AS answered, r.http_status IS NULL AND r.outcome = 'failed' AS silent,
      r.delay_s IS NULL OR a.acknowledged AS over, CASE WHEN NOT a.acknowledged THEN now() + make_interval(secs => r.delay_s) END AS next,
      r.delay_s > 0 AS later, l.schedule_step - CASE WHEN r.interrupted AND l.trigger = 'schedule' THEN 1 ELSE 0 END AS schedule_step,
      CASE WHEN a.acknowledged AND r.state = 'Pending' THEN 'Canceled' ELSE r.state END AS state,
      CASE WHEN a.acknowledged AND r.state <> 'Delivered' THEN l.reason ELSE r.reason END AS reason,
      CASE WHEN r.interrupted OR r.reason = 'acknowledged_by_poll' THEN l.given_up_reason
        WHEN a.acknowledged AND r.state = 'Exhausted' THEN r.reason END AS given_up_reason
    FROM locked l JOIN record r USING (seq)
    CROSS JOIN LATERAL (SELECT l.reason IS NOT DISTINCT FROM 'acknowledged_by_poll' AS acknowledged) a
  ), ended AS (
    INSERT INTO delivery_end (home, seq, state, attempt_count, schedule_step, epoch, reason, given_up_reason, delivered_at, url)
    SELECT m.home, m.seq, m.state, m.attempt_count, m.schedule_step, m.epoch, m.reason, m.given_up_reason,
      coalesce(m.delivered_at, CASE WHEN m.state = 'Delivered' THEN now() END), m.url
    FROM moved m WHERE m.over
  ), over AS (
    DELETE FROM live_delivery d WHERE d.seq = ANY (ARRAY(SELECT m.seq FROM moved m WHERE m.over))
  ), again AS (
    UPDATE live_delivery d SET lease_token = NULL, phase = CASE WHEN m.later THEN 'scheduled' ELSE 'ready' END, look_at = m.next, due_at = m.next,
      run_at = m.next, started_at = NULL, reason = m.reason, given_up_reason = m.given_up_reason, schedule_step = m.schedule_step,
      trigger = CASE WHEN m.interrupted THEN d.trigger ELSE 'schedule' END, resume_at = CASE WHEN m.interrupted THEN d.resume_at END
    FROM moved m WHERE d.seq = ANY (ARRAY(SELECT m.seq FROM moved m WHERE NOT m.over)) AND d.seq = m.seq
  ), owed AS (
    INSERT INTO undelivered (home, seq, account_id, operation_id, lane, state)
    SELECT m.home, m.seq, m.account_id, m.operation_id, m.lane, m.state FROM moved m
    WHERE m.over AND m.state <> 'Delivered' AND m.reason IS DISTINCT FROM 'acknowledged_by_poll'
  ), booked AS (
    INSERT INTO ledger_entry (state, callbacks)
    SELECT m.state, count(*) FROM moved m WHERE m.over AND m.operation_id IS NOT NULL AND m.endpoint_id IS NULL GROUP BY m.state
  ), logged AS (
    INSERT INTO attempt (home, delivery_seq, number, trigger, outcome, started_at, duration_ms, phases_ms, http_status, error, detail,
      request_headers, response_headers, response_body, response_truncated, resent, retry_after_s, next_attempt_at)
    SELECT m.home, m.seq, r.number, m.trigger, r.outcome, m.started_at, r.duration_ms, r.phases_ms, r.http_status, r.error, r.detail,
      r.request_headers, r.response_headers, r.response_body, r.response_truncated, r.resent, r.retry_after_s, m.next
    FROM moved m JOIN record r USING (seq)
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
  ), telling AS MATERIALIZED (
    SELECT nextval('record_id') AS seq, m.account_id, m.exhausted_body AS body, e.id AS endpoint_id, e.url, e.origin, e.disabled_at IS NOT NULL AS paused
    FROM moved m JOIN endpoint e ON e.account_id = m.account_id AND 'delivery.exhausted' = ANY (e.events) AND e.id IS DISTINCT FROM m.endpoint_id
    WHERE m.exhausted_body IS NOT NULL AND e.account_id = ANY (ARRAY(SELECT m.account_id FROM moved m WHERE m.exhausted_body IS NOT NULL))
  ), told AS (
    INSERT INTO delivery (home, seq, id, account_id, endpoint_id, destination, event_type, url, origin, body)
    SELECT t.seq, t.seq, new_delivery_id(), t.account_id, t.endpoint_id, t.endpoint_id, 'delivery.exhausted', t.url, t.origin, t.body FROM telling t
  ), told_live AS (
    INSERT INTO live_delivery (seq, home, account_id, endpoint_id, lane, origin, phase, look_at, due_at)
    SELECT t.seq, t.seq, t.account_id, t.endpoint_id, t.endpoint_id, t.origin, p.phase, p.due_at, p.due_at
    FROM telling t CROSS JOIN LATERAL live_phase(t.paused) p
  )
  SELECT m.seq, m.counts AND m.outcome = 'failed' AND e.failing_since <= now() - forgiven, wait
  FROM moved m
  LEFT JOIN LATERAL (SELECT e.failing_since FROM endpoint e WHERE e.id = m.endpoint_id LIMIT 1) e ON true;
END $$;
