-- Leases operations to the caller whose jobs it has found ended, so that it can end them; answers those that still wait for that.
CREATE OR REPLACE FUNCTION lease_polled(given json, lease interval)
RETURNS TABLE (operation operation, live live_operation)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  ids bigint[];
BEGIN
  ids := ARRAY(SELECT o.request_id FROM json_to_recordset(given) AS g (request_id bigint, token uuid)
    CROSS JOIN LATERAL (SELECT p.request_id FROM live_poll p WHERE p.request_id = g.request_id AND p.lease_token = g.token LIMIT 1) p
    CROSS JOIN LATERAL (SELECT o.request_id FROM live_operation o WHERE o.request_id = g.request_id LIMIT 1) o);
  PERFORM FROM live_operation o WHERE o.request_id = ANY (ids) ORDER BY o.request_id FOR UPDATE;
  RETURN QUERY
  WITH leased AS (
    UPDATE live_operation o SET lease_token = gen_random_uuid(), look_at = now() + lease, due_at = now() + lease
    WHERE o.request_id = ANY (ids) AND o.awaits = 'poll' AND o.lease_token IS NULL RETURNING o, o.request_id
  )
  SELECT r.operation, l.o FROM leased l CROSS JOIN LATERAL (SELECT r AS operation FROM operation r WHERE r.request_id = l.request_id LIMIT 1) r;
END $$;
