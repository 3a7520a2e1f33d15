-- Endpoints that deliveries are paused for, by their ids from behind `after` up to `upto` (null: all).
CREATE OR REPLACE FUNCTION paused_endpoints(after text, upto text) RETURNS TABLE (endpoint_id text)
LANGUAGE sql STABLE AS $$
  WITH RECURSIVE walk AS (
    SELECT after AS endpoint_id, 0::bigint AS seq
    UNION ALL
    SELECT d.endpoint_id, d.seq FROM walk w CROSS JOIN LATERAL (
      SELECT d.endpoint_id, d.seq FROM live_delivery d WHERE d.phase = 'paused' AND d.endpoint_id > w.endpoint_id
      ORDER BY d.endpoint_id, d.seq LIMIT 1
    ) d
    WHERE upto IS NULL OR d.endpoint_id <= upto
  )
  SELECT w.endpoint_id FROM walk w WHERE w.seq > 0
$$;
