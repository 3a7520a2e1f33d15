-- Leases dispatched operations to a worker, each with a token of its own. Answers those that nobody else has.
CREATE OR REPLACE FUNCTION claim_operations(hints json, lease interval)
RETURNS SETOF operation
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH hint AS MATERIALIZED (
    SELECT * FROM json_to_recordset(hints) AS h (request_id bigint, epoch integer, token uuid)
  ), claimed AS (
    UPDATE operation o SET state = 'Executing', phase = 'running', attempt = o.attempt + 1, lease_token = h.token,
      due_at = now() + lease, started_at = coalesce(o.started_at, now()), hinted_at = NULL, status_text = 'Executing...', progress = 0
    FROM hint h
    WHERE o.request_id = ANY (ARRAY(SELECT h.request_id FROM hint h))
      AND o.request_id = h.request_id AND o.epoch = h.epoch AND o.phase = 'hinted' AND o.state = 'Waiting'
    RETURNING o.*
  ), noted AS (
    INSERT INTO history_entry (operation_id, kind, state, text)
    SELECT c.request_id, 'transition', 'Executing', 'Attempt ' || c.attempt || ' of ' || c.tries FROM claimed c
  )
  SELECT * FROM claimed;
END $$;
