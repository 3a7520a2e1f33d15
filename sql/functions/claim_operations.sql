-- Leases dispatched operations to a worker, each with a token of its own. Answers those that nobody else has, and whether others wait
-- for a slot. What indexes have is changed only where a hint would live longer than the lease: else the row's new version stays on its page.
CREATE OR REPLACE FUNCTION claim_operations(hints json, lease interval)
RETURNS TABLE (operation operation, live live_operation, waits boolean)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  wait boolean := operations_wait();
  durable text := current_setting('synchronous_commit');
BEGIN
  -- 0.1.0 doesn't say what it knows.
  IF hints -> 0 -> 'knows' IS NULL THEN
    PERFORM leave_unknown(hints);
  END IF;
  -- Of a claim that a crash forgets its hint is there again, and its run is refused its end: nobody waits for the disk. A last try counts
  -- whatever happens: it may be the only one.
  PERFORM set_config('synchronous_commit', 'off', true);
  RETURN QUERY
  WITH hint AS MATERIALIZED (
    SELECT * FROM json_to_recordset(hints) AS h (request_id bigint, epoch integer, token uuid)
  ), claimed AS (
    UPDATE live_operation o SET attempt = o.attempt + 1, lease_token = h.token, look_at = least(o.look_at, now() + lease), due_at = now() + lease,
      started_at = coalesce(o.started_at, now()), dispatched_at = NULL, status_text = NULL, progress = 0,
      transitions = concat_ws(E'\n', o.transitions, transition('Executing', 'Attempt ' || o.attempt + 1 || ' of ' || o.tries))
    FROM hint h
    WHERE o.request_id = ANY (ARRAY(SELECT h.request_id FROM hint h))
      AND o.request_id = h.request_id AND o.epoch = h.epoch AND o.phase IN ('placed', 'apart') AND o.lease_token IS NULL
    RETURNING o, o.request_id, CASE WHEN o.attempt >= o.tries THEN set_config('synchronous_commit', durable, true) END
  )
  SELECT r.operation, c.o, wait FROM claimed c CROSS JOIN LATERAL (SELECT r AS operation FROM operation r WHERE r.request_id = c.request_id LIMIT 1) r;
END $$;
