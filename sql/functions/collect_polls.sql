-- Has the results of jobs that have ended fetched by runs of their operations, at once; `after_s` later it is looked whether they have
-- ended. Answers those that still wait.
CREATE OR REPLACE FUNCTION collect_polls(given json) RETURNS SETOF bigint
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH given AS MATERIALIZED (
    SELECT * FROM json_to_recordset(given) AS g (request_id bigint, token uuid, after_s float8, target text)
  ), waiting AS (
    SELECT g.* FROM given g JOIN live_operation o USING (request_id)
    WHERE o.request_id = ANY (ARRAY(SELECT g.request_id FROM given g)) AND o.awaits = 'poll' AND o.lease_token IS NULL
    ORDER BY o.request_id FOR UPDATE OF o
  ), collected AS (
    UPDATE live_poll p SET due_at = now() + make_interval(secs => w.after_s), lease_token = NULL, lease_until = NULL, failures = 0, refusals = 0, target = w.target
    FROM waiting w
    WHERE p.request_id = ANY (ARRAY(SELECT w.request_id FROM waiting w)) AND p.request_id = w.request_id AND p.lease_token = w.token
    RETURNING p.request_id
  )
  UPDATE live_operation o SET look_at = now(), due_at = now() FROM collected c
  WHERE o.request_id = ANY (ARRAY(SELECT c.request_id FROM collected c)) AND o.request_id = c.request_id
  RETURNING o.request_id;
END $$;
