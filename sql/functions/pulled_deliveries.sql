-- Deliveries of a pull endpoint by their ids, as consumers name them: the record without its body, the lease where one stands, and the
-- state. What isn't the endpoint's is left out.
CREATE OR REPLACE FUNCTION pulled_deliveries(endpoint text, ids text[])
RETURNS TABLE (delivery delivery, live live_delivery, state text)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT ROW(r.home, r.seq, r.id, r.account_id, r.operation_id, r.operation_rid, r.endpoint_id, r.destination, r.event_type, r.url, r.origin,
      r.headers, '', r.created_at, r.accepted_at, r.traceparent)::delivery, l.live,
    coalesce((SELECT x.state FROM delivery_end x WHERE x.home = r.home AND x.seq = r.seq LIMIT 1), 'Pending')
  FROM unnest(ids) AS g (id)
  -- By this index alone: without statistics, that of endpoints looks as good.
  CROSS JOIN LATERAL (SELECT r.* FROM delivery r WHERE r.id = g.id LIMIT 1) r
  LEFT JOIN LATERAL (SELECT l AS live FROM live_delivery l WHERE l.seq = r.seq AND l.phase = 'leased' LIMIT 1) l ON true
  WHERE r.endpoint_id = pulled_deliveries.endpoint;
END $$;
