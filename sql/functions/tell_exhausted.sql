-- Makes the deliveries that tell an account's endpoints of another destination's delivery that is Exhausted.
CREATE OR REPLACE FUNCTION tell_exhausted(made made_attempt[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  WITH telling AS MATERIALIZED (
    SELECT nextval('record_id') AS seq, m.account_id, m.exhausted_body AS body, e.id AS endpoint_id, e.url, e.origin, e.disabled_at IS NOT NULL AS paused, e.mode
    FROM unnest(made) m JOIN endpoint e ON e.account_id = m.account_id AND 'delivery.exhausted' = ANY (e.events) AND e.id IS DISTINCT FROM m.endpoint_id
    WHERE m.exhausted_body IS NOT NULL AND e.account_id = ANY (ARRAY(SELECT m.account_id FROM unnest(made) m WHERE m.exhausted_body IS NOT NULL))
  ), told AS (
    INSERT INTO delivery (home, seq, id, account_id, endpoint_id, destination, event_type, url, origin, body)
    SELECT t.seq, t.seq, new_delivery_id(), t.account_id, t.endpoint_id, t.endpoint_id, 'delivery.exhausted', t.url, t.origin, t.body FROM telling t
  )
  INSERT INTO live_delivery (seq, home, account_id, endpoint_id, lane, origin, phase, look_at, due_at)
  SELECT t.seq, t.seq, t.account_id, t.endpoint_id, t.endpoint_id, t.origin, p.phase, p.due_at, p.due_at
  FROM telling t CROSS JOIN LATERAL live_phase(t.paused, t.mode) p;
END $$;
