-- What was paused for an endpoint that is enabled again is sent; what was paused for one that is gone is owed no more. Here and nowhere
-- else, so that a delivery made while the endpoint was being enabled or deleted isn't paused for ever. Some endpoints a round, in a
-- circle: however many are disabled, the others' deliveries pay little for them.
CREATE OR REPLACE FUNCTION release_paused(most integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  begun text := (SELECT c.served FROM fairness_cursor c WHERE c.of = 'paused');
  looked text[]; enabled bigint[]; gone bigint[];
BEGIN
  looked := ARRAY(SELECT p.endpoint_id FROM (VALUES (begun, NULL), ('', begun)) lap (after, upto)
    CROSS JOIN LATERAL paused_endpoints(lap.after, lap.upto) p LIMIT most / 4 + 1);
  IF looked = '{}' THEN
    RETURN;
  END IF;
  WITH over AS (
    SELECT l.endpoint_id, e.id IS NULL AS gone FROM unnest(looked) AS l (endpoint_id)
    LEFT JOIN LATERAL (SELECT e.id, e.disabled_at FROM endpoint e WHERE e.id BETWEEN l.endpoint_id AND l.endpoint_id ORDER BY e.id LIMIT 1) e ON true
    WHERE e.disabled_at IS NULL OFFSET 0
  )
  SELECT array_agg(r.seq) FILTER (WHERE NOT o.gone), array_agg(r.seq) FILTER (WHERE o.gone) INTO enabled, gone
  FROM over o CROSS JOIN LATERAL (
    SELECT d.seq FROM live_delivery d WHERE d.phase = 'paused' AND d.endpoint_id = o.endpoint_id
    ORDER BY d.seq LIMIT most FOR UPDATE SKIP LOCKED
  ) r;
  IF cardinality(looked) > most / 4 THEN
    UPDATE fairness_cursor c SET served = looked[cardinality(looked)] WHERE c.of = 'paused';
  END IF;
  IF enabled IS NOT NULL THEN
    UPDATE live_delivery d SET phase = 'ready', look_at = now(), due_at = now(), run_at = now(), owed_since = now() WHERE d.seq = ANY (enabled);
  END IF;
  IF gone IS NOT NULL THEN
    PERFORM cancel_deliveries(gone, 'endpoint_deleted');
  END IF;
END $$;
