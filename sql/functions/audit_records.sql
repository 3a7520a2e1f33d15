-- Whether nothing was lost: of each partition, the operations against those that have ended or are live, and the deliveries likewise.
-- Answers where they differ, which is nowhere, and live rows whose partition isn't there. Counts all records: it may take long.
CREATE OR REPLACE FUNCTION audit_records()
RETURNS TABLE (lower bigint, operations bigint, operations_ended bigint, operations_live bigint, deliveries bigint, deliveries_ended bigint, deliveries_live bigint)
LANGUAGE sql STABLE AS $$
  WITH part AS (
    -- What is being dropped is left out.
    SELECT p.lower, p.upper FROM record_partition p WHERE p.booked_to IS DISTINCT FROM p.upper
  ), stored AS (
    SELECT 'o' AS kind, r.tableoid, count(*) AS n FROM operation r GROUP BY r.tableoid
    UNION ALL SELECT 'oe', r.tableoid, count(*) FROM operation_end r GROUP BY r.tableoid
    UNION ALL SELECT 'd', r.tableoid, count(*) FROM delivery r GROUP BY r.tableoid
    UNION ALL SELECT 'de', r.tableoid, count(*) FROM delivery_end r GROUP BY r.tableoid
  ), counted AS (
    SELECT p.lower, s.kind, s.n FROM stored s JOIN part p ON p.lower = substring(s.tableoid::regclass::text FROM '_(\d+)$')::bigint
    UNION ALL SELECT p.lower, 'ol', count(*) FROM live_operation l LEFT JOIN part p ON l.request_id >= p.lower AND l.request_id < p.upper GROUP BY p.lower
    UNION ALL SELECT p.lower, 'dl', count(*) FROM live_delivery l LEFT JOIN part p ON l.home >= p.lower AND l.home < p.upper GROUP BY p.lower
  ), summed AS (
    SELECT c.lower, coalesce(sum(c.n) FILTER (WHERE c.kind = 'o'), 0)::bigint AS o, coalesce(sum(c.n) FILTER (WHERE c.kind = 'oe'), 0)::bigint AS oe,
      coalesce(sum(c.n) FILTER (WHERE c.kind = 'ol'), 0)::bigint AS ol, coalesce(sum(c.n) FILTER (WHERE c.kind = 'd'), 0)::bigint AS d,
      coalesce(sum(c.n) FILTER (WHERE c.kind = 'de'), 0)::bigint AS de, coalesce(sum(c.n) FILTER (WHERE c.kind = 'dl'), 0)::bigint AS dl
    FROM counted c GROUP BY c.lower
  )
  SELECT s.* FROM summed s WHERE s.o <> s.oe + s.ol OR s.d <> s.de + s.dl ORDER BY s.lower
$$;
