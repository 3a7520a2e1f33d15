-- Puts the next polls of these jobs down, of those that are still the caller's. What changes with each poll is this row alone; an
-- answer that is forgotten is asked for again, so nobody waits for the disk.
CREATE OR REPLACE FUNCTION record_polls(given json) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  WITH given AS MATERIALIZED (
    SELECT * FROM json_to_recordset(given) AS g (request_id bigint, token uuid, after_s float8, failures smallint, refusals smallint)
  )
  UPDATE live_poll p SET due_at = now() + make_interval(secs => g.after_s), lease_token = NULL, lease_until = NULL,
    failures = g.failures, refusals = g.refusals
  FROM given g
  WHERE p.request_id = ANY (ARRAY(SELECT g.request_id FROM given g)) AND p.request_id = g.request_id AND p.lease_token = g.token;
END $$;
