-- Gives deliveries back that were leased to a process which didn't hear of it, or can't begin: nothing of them was sent, so nothing
-- is used up or logged. `given` comes in the order of the numbers; a callback may be named by its operation's instead.
CREATE OR REPLACE FUNCTION give_back_deliveries(given json)
RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  WITH given AS MATERIALIZED (
    SELECT g.token, coalesce(g.seq, c.seq) AS seq FROM json_to_recordset(given) AS g (seq bigint, operation_id bigint, token uuid)
    LEFT JOIN LATERAL (SELECT c.seq FROM delivery c WHERE c.home = g.operation_id AND c.destination = 'callback' LIMIT 1) c ON true
  )
  UPDATE live_delivery d SET phase = 'ready', look_at = now(), due_at = now(), run_at = now(), lease_token = NULL, started_at = NULL,
    attempt_count = d.attempt_count - 1, schedule_step = d.schedule_step - CASE WHEN d.trigger = 'schedule' THEN 1 ELSE 0 END
  FROM given g
  WHERE d.seq = ANY (ARRAY(SELECT g.seq FROM given g)) AND d.seq = g.seq AND d.lease_token = g.token;
END $$;
