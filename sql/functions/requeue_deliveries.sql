-- Makes deliveries owed again, one attempt each, at once: those that ended as Exhausted, with `again` as Delivered too, and those
-- that wait, whose schedule goes on afterwards. What was delivered, and what its caller has read, stays so if the attempt fails:
-- `delivered_at` and `given_up_reason` keep it. A recovery leaves what its caller has read, and what is about to be sent.
-- Answers those that it took.
CREATE OR REPLACE FUNCTION requeue_deliveries(homes bigint[], seqs bigint[], occasion text, again boolean)
RETURNS SETOF bigint
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  -- Emptied or erased at this moment: the statement after this one sees that its body is gone.
  PERFORM FROM operation_end e WHERE e.request_id = ANY (homes) ORDER BY e.request_id FOR SHARE;
  RETURN QUERY
  WITH given AS MATERIALIZED (
    -- Whatever has lost its body, or its endpoint, can't be sent; what is in a retired partition is about to be dropped.
    SELECT d.home, d.seq, d.account_id, d.operation_id, d.endpoint_id, d.destination, d.url AS first_url, d.created_at,
      e.url AS moved_to, coalesce(e.origin, d.origin) AS origin, e.disabled_at IS NOT NULL AS paused, e.mode
    FROM unnest(homes, seqs) AS g (home, seq)
    CROSS JOIN LATERAL (SELECT d.* FROM delivery d WHERE d.home = g.home AND d.seq = g.seq LIMIT 1) d
    LEFT JOIN LATERAL (SELECT e.* FROM endpoint e WHERE e.id = d.endpoint_id LIMIT 1) e ON true
    WHERE d.body <> '' AND (d.endpoint_id IS NULL OR e.id IS NOT NULL)
      AND NOT EXISTS (SELECT FROM record_partition p WHERE p.retired_at IS NOT NULL AND g.home >= p.lower AND g.home < p.upper)
    ORDER BY d.seq
  ), ended AS (
    DELETE FROM delivery_end x USING given g
    WHERE x.home = g.home AND x.seq = g.seq AND (x.state = 'Exhausted' OR (x.state = 'Delivered' AND again))
      AND (occasion <> 'recovery' OR x.reason IS DISTINCT FROM 'acknowledged_by_poll')
    RETURNING g.*, x.state, x.attempt_count, x.schedule_step, x.epoch, x.given_up_reason, x.delivered_at
  ), owed AS (
    INSERT INTO live_delivery (seq, home, account_id, operation_id, endpoint_id, lane, receiver, origin, url, phase, trigger, attempt_count,
      schedule_step, epoch, look_at, due_at, owed_since, given_up_reason, delivered_at)
    SELECT n.seq, n.home, n.account_id, n.operation_id, n.endpoint_id, coalesce(n.endpoint_id, n.origin),
      CASE WHEN n.endpoint_id IS NULL THEN receiver_of(n.account_id, n.first_url) ELSE 1 END, n.origin, nullif(n.moved_to, n.first_url),
      w.phase, occasion, n.attempt_count, n.schedule_step, n.epoch, w.due_at, w.due_at, n.created_at, n.given_up_reason, n.delivered_at
    FROM ended n CROSS JOIN LATERAL live_phase(n.paused, n.mode) w
  ), hurried AS (
    UPDATE live_delivery l SET reason = NULL, trigger = occasion,
      -- What a consumer hasn't asked for yet keeps its turn.
      run_at = least(l.run_at, now()),
      resume_at = CASE WHEN l.trigger = 'schedule' THEN l.run_at ELSE l.resume_at END,
      phase = w.phase, look_at = w.due_at, due_at = w.due_at
    FROM given g CROSS JOIN LATERAL live_phase(g.paused, g.mode) w
    WHERE l.seq = ANY (ARRAY(SELECT g.seq FROM given g)) AND l.seq = g.seq
      AND (l.phase = 'scheduled' OR (l.phase IN ('ready', 'held') AND (occasion <> 'recovery' OR l.run_at > now())))
    RETURNING l.seq
  ), cleared AS (
    DELETE FROM undelivered u USING ended n WHERE u.home = n.home AND u.seq = n.seq
  ), booked AS (
    INSERT INTO ledger_entry (state, callbacks)
    SELECT n.state, -count(*) FROM ended n WHERE n.destination = 'callback' GROUP BY n.state
  )
  SELECT n.seq FROM ended n UNION ALL SELECT h.seq FROM hurried h;
END $$;
