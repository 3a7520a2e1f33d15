-- Puts off, of what a process of 0.1.0 was hinted to, what only later versions can run: it would use up rounds, then end it without what
-- its end makes. Longer each time, up to a minute: there may be no other process for long. The slot is free meanwhile; what is of an
-- ordered key has begun by this, and keeps its turn.
CREATE OR REPLACE FUNCTION leave_unknown(hints json) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  WITH hint AS MATERIALIZED (
    SELECT h.*, now() + least(5 * h.epoch, 60) * interval '1 second' AS next FROM json_to_recordset(hints) AS h (request_id bigint, epoch integer)
  )
  UPDATE live_operation o SET phase = 'scheduled', look_at = h.next, due_at = h.next, run_at = h.next, dispatched_at = NULL,
    attempt = o.attempt + k.kept, tries = o.tries + k.kept
  FROM hint h, LATERAL (
    SELECT count(*)::integer AS kept FROM live_operation l JOIN flow f ON f.account_id = l.account_id AND f.key = l.flow_key
    WHERE l.request_id = h.request_id AND f.ordered
  ) k
  WHERE o.request_id = ANY (ARRAY(SELECT h.request_id FROM hint h)) AND o.request_id = h.request_id AND o.epoch = h.epoch
    AND o.phase = 'placed' AND o.lease_token IS NULL AND o.type LIKE 'qstash.%';
END $$;
