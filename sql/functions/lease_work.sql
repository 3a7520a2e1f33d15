-- Gives these operations slots and leases them to a remote worker, in their order, until they are renewed or their time is over. One
-- that somebody else has locked is left.
CREATE OR REPLACE FUNCTION lease_work(chosen bigint[], token uuid, lease_s float8, worker text)
RETURNS TABLE (operation operation, live live_operation)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  due tid[];
BEGIN
  due := ARRAY(SELECT o.ctid FROM live_operation o WHERE o.request_id = ANY (chosen) AND o.phase = 'offered'
    ORDER BY o.request_id FOR UPDATE SKIP LOCKED);
  RETURN QUERY
  WITH asked AS MATERIALIZED (
    SELECT c.request_id, c.place, r.operation FROM unnest(chosen) WITH ORDINALITY AS c (request_id, place)
    CROSS JOIN LATERAL (SELECT r AS operation FROM operation r WHERE r.request_id = c.request_id LIMIT 1) r
  ), leased AS (
    UPDATE live_operation o SET phase = 'placed', epoch = o.epoch + 1, attempt = o.attempt + 1, lease_token = token, worker = lease_work.worker,
      look_at = u.lease, due_at = u.lease, run_until = u.time, started_at = coalesce(o.started_at, now()), status_text = NULL, progress = 0,
      transitions = concat_ws(E'\n', o.transitions, transition('Executing', 'Attempt ' || o.attempt + 1 || ' of ' || o.tries))
    FROM asked a CROSS JOIN LATERAL (
      SELECT now() + make_interval(secs => least(lease_s, (a.operation).timeout_s)) AS lease, now() + make_interval(secs => (a.operation).timeout_s) AS time) u
    WHERE o.ctid = ANY (due) AND o.request_id = a.request_id
    RETURNING a.place, a.operation, o
  )
  SELECT l.operation, l.o FROM leased l ORDER BY l.place;
END $$;
