-- Operations that remote workers hold by these leases, as they stand.
CREATE OR REPLACE FUNCTION held_work(leases json)
RETURNS TABLE (operation operation, live live_operation)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT r.operation, o FROM json_to_recordset(leases) AS l (request_id bigint, token uuid) JOIN live_operation o USING (request_id)
  CROSS JOIN LATERAL (SELECT r AS operation FROM operation r WHERE r.request_id = o.request_id LIMIT 1) r
  WHERE o.request_id = ANY (ARRAY(SELECT l.request_id FROM json_to_recordset(leases) AS l (request_id bigint)))
    AND o.lease_token = l.token AND o.worker IS NOT NULL;
END $$;
