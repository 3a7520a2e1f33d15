-- Logs how attempts ended whose lease is still the caller's, together with what becomes of their deliveries and what was learnt
-- of their origins, receivers and endpoints, in one commit. What is seldom is in functions of its own: a statement costs by its parts,
-- also where they find no row. Answers those that were recorded: whether its endpoint has failed without
-- a success for `forgiven`, and whether deliveries wait for a place. `records` come in an order that all keep: none waits for another in a circle.
CREATE OR REPLACE FUNCTION record_attempts(records json, forgiven interval, rest interval)
RETURNS TABLE (seq bigint, failed_for_days boolean, waits boolean)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  wait boolean := deliveries_wait();
  made made_attempt[];
  of_endpoints boolean; exhausted boolean; news boolean;
BEGIN
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
      l.trigger, l.started_at, l.delivered_at, r.outcome, r.counts, r.interrupted, r.exhausted_body, a.acknowledged, l.phase = 'leased' AS pulled,
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
    UPDATE live_delivery d SET lease_token = NULL, phase = CASE WHEN m.pulled THEN 'held' WHEN m.later THEN 'scheduled' ELSE 'ready' END,
      look_at = w.due_at, due_at = w.due_at,
      run_at = m.next, started_at = NULL, reason = m.reason, given_up_reason = m.given_up_reason, schedule_step = m.schedule_step,
      trigger = CASE WHEN m.interrupted THEN d.trigger ELSE 'schedule' END, resume_at = CASE WHEN m.interrupted THEN d.resume_at END
    FROM moved m CROSS JOIN LATERAL (SELECT CASE WHEN m.pulled THEN 'infinity' ELSE m.next END AS due_at) w
    WHERE d.seq = ANY (ARRAY(SELECT m.seq FROM moved m WHERE NOT m.over)) AND d.seq = m.seq
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
    SELECT m.home, m.seq, r.number, CASE WHEN m.pulled THEN 'pull' ELSE m.trigger END, r.outcome, m.started_at, r.duration_ms, r.phases_ms, r.http_status, r.error, r.detail,
      r.request_headers, r.response_headers, r.response_body, r.response_truncated, r.resent, r.retry_after_s, m.next
    FROM moved m JOIN record r USING (seq)
  )
  SELECT array_agg(ROW(m.seq, m.account_id, m.endpoint_id, m.lane, m.receiver, m.origin, m.outcome, m.counts, m.answered, m.silent,
      m.exhausted_body)::made_attempt),
    bool_or(m.endpoint_id IS NOT NULL), bool_or(m.exhausted_body IS NOT NULL),
    -- Of a consumer that pulls, dispatch wants to know nothing.
    bool_or(NOT m.pulled AND (m.silent OR m.answered AND r.answers IS NOT TRUE OR m.outcome = 'delivered'
      AND (k.proven_at IS NULL OR k.receiver IS DISTINCT FROM '' AND k.receiver IS DISTINCT FROM m.lane || ' ' || m.receiver)))
  INTO made, of_endpoints, exhausted, news
  FROM moved m
  LEFT JOIN LATERAL (SELECT k.proven_at, k.receiver FROM origin k WHERE k.name = m.origin LIMIT 1) k ON true
  LEFT JOIN LATERAL (SELECT r.answers FROM receiver r WHERE r.lane = m.lane AND r.receiver = m.receiver LIMIT 1) r ON true;
  IF news THEN
    PERFORM learn_of_receivers(ARRAY(SELECT m FROM unnest(made) m WHERE m.origin <> ''), rest);
  END IF;
  IF exhausted THEN
    PERFORM tell_exhausted(made);
  END IF;
  IF of_endpoints THEN
    PERFORM judge_endpoints(made);
    RETURN QUERY SELECT m.seq, m.counts AND m.outcome = 'failed' AND e.failing_since <= now() - forgiven, wait
    FROM unnest(made) m LEFT JOIN LATERAL (SELECT e.failing_since FROM endpoint e WHERE e.id = m.endpoint_id LIMIT 1) e ON true;
  ELSE
    RETURN QUERY SELECT m.seq, false, wait FROM unnest(made) m;
  END IF;
END $$;
