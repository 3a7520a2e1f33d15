-- Keeps since when endpoints fail without a success. Only where it turns: an endpoint's row is not written with every attempt.
CREATE OR REPLACE FUNCTION judge_endpoints(made made_attempt[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE endpoint e SET failing_since = CASE WHEN n.succeeded THEN NULL ELSE now() END
  FROM (
    SELECT m.endpoint_id, bool_or(m.outcome = 'delivered') AS succeeded FROM unnest(made) m
    WHERE m.endpoint_id IS NOT NULL AND m.counts AND m.outcome <> 'unknown' GROUP BY m.endpoint_id
  ) n
  WHERE e.id = ANY (ARRAY(SELECT m.endpoint_id FROM unnest(made) m)) AND e.id = n.endpoint_id AND (e.failing_since IS NOT NULL) = n.succeeded;
END $$;
