-- Gives runs back whose lease is still the caller's: each waits again, at once or after `delay_s`. Where it `counts` not, the try
-- isn't used up. A `checkpoint` that is given stands from now on. `unhandled`: the caller has no handler of its type. Answers those that
-- were given back. `given` comes in the order of the request ids.
CREATE OR REPLACE FUNCTION release_operations(given json)
RETURNS SETOF bigint
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH given AS MATERIALIZED (
    SELECT g.*, now() + make_interval(secs => g.delay_s) AS next
    FROM json_to_recordset(given) AS g (request_id bigint, token uuid, delay_s float8, counts boolean, text text, stack text, checkpoint text, unhandled boolean)
  )
  UPDATE live_operation o SET phase = CASE WHEN o.phase = 'apart' THEN 'apart' WHEN g.delay_s > 0 THEN 'scheduled' ELSE ready_phase(o.type) END, look_at = g.next, due_at = g.next,
    run_at = CASE WHEN g.delay_s > 0 THEN g.next ELSE o.run_at END, lease_token = NULL, awaits = NULL, worker = NULL, run_until = NULL,
    status_text = NULL, checkpoint = coalesce(g.checkpoint, o.checkpoint),
    unhandled_since = CASE WHEN g.unhandled THEN coalesce(o.unhandled_since, now()) END,
    tries = CASE WHEN g.counts THEN o.tries ELSE o.tries + 1 END,
    transitions = concat_ws(E'\n', o.transitions, transition('Waiting', g.text, stack => g.stack))
  FROM given g
  WHERE o.request_id = ANY (ARRAY(SELECT g.request_id FROM given g)) AND o.request_id = g.request_id AND o.lease_token = g.token
  RETURNING o.request_id;
END $$;
