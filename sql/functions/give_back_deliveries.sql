-- Gives deliveries back that were leased to a process which didn't hear of it, or can't begin: nothing of them was sent, so nothing
-- is used up or logged. `given` comes in the order of the ids.
CREATE OR REPLACE FUNCTION give_back_deliveries(given json)
RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  WITH given AS MATERIALIZED (
    SELECT * FROM json_to_recordset(given) AS g (id text, token uuid)
  ), returned AS (
    UPDATE delivery d SET phase = 'ready', due_at = now(), run_at = now(), lease_token = NULL, attempt_count = d.attempt_count - 1,
      schedule_step = d.schedule_step - CASE WHEN d.trigger = 'schedule' THEN 1 ELSE 0 END
    FROM given g
    WHERE d.id = ANY (ARRAY(SELECT g.id FROM given g)) AND d.id = g.id AND d.lease_token = g.token AND d.phase = 'running'
    RETURNING d.id, d.attempt_count + 1 AS number
  )
  DELETE FROM attempt a USING returned r
  WHERE a.delivery_id = ANY (ARRAY(SELECT r.id FROM returned r)) AND a.delivery_id = r.id AND a.number = r.number;
END $$;
