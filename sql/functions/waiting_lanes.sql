-- Lanes with deliveries ready, by their names from behind `after` up to `upto` (null: all), each with its first delivery and who
-- receives that. From one lane's first row to the next lane's: what else they have waiting isn't read.
CREATE OR REPLACE FUNCTION waiting_lanes(after text, upto text)
RETURNS TABLE (lane text, receiver bigint, seq bigint)
LANGUAGE sql STABLE AS $$
  WITH RECURSIVE walk AS (
    SELECT after AS lane, 0::bigint AS receiver, 0::bigint AS seq
    UNION ALL
    SELECT d.lane, d.receiver, d.seq FROM walk w CROSS JOIN LATERAL (
      SELECT d.lane, d.receiver, d.seq FROM live_delivery d WHERE d.phase = 'ready' AND d.lane > w.lane
      ORDER BY d.lane, d.receiver, d.run_at, d.seq LIMIT 1
    ) d
    WHERE upto IS NULL OR d.lane <= upto
  )
  SELECT w.lane, w.receiver, w.seq FROM walk w WHERE w.seq > 0
$$;
