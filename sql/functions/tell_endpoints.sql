-- Makes the deliveries that tell the accounts' endpoints of ended operations. Answers the operations that an endpoint is told of.
CREATE OR REPLACE FUNCTION tell_endpoints(endings json, ids bigint[], accounts text[]) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
  told bigint[];
BEGIN
  WITH ended AS MATERIALIZED (
    SELECT e.*, s.account_id FROM json_to_recordset(endings) AS e (
      request_id bigint, rid text, created_at timestamptz, traceparent text, event_type text, event_body text, event_thin text, event_bare text,
      thin_over integer)
    JOIN unnest(ids, accounts) AS s (request_id, account_id) USING (request_id)
  ), telling AS MATERIALIZED (
    SELECT s.request_id, s.rid, s.account_id, s.event_type, s.created_at, s.traceparent, nextval('record_id') AS seq,
      e.id AS endpoint_id, e.url, e.origin, e.disabled_at IS NOT NULL AS paused, e.mode,
      -- Without the result, or without all that its handler gave, where the endpoint takes no more. What is under 16 KiB keeps `custom`.
      CASE WHEN s.event_thin IS NULL OR octet_length(s.event_body) <= coalesce(e.thin_over, s.thin_over) THEN s.event_body
        WHEN s.event_bare IS NULL OR octet_length(s.event_thin) <= greatest(coalesce(e.thin_over, s.thin_over), 16384) THEN s.event_thin ELSE s.event_bare END AS body
    FROM ended s JOIN endpoint e ON e.account_id = s.account_id AND s.event_type = ANY (e.events)
    WHERE e.account_id = ANY (accounts)
  ), made AS (
    INSERT INTO delivery (home, seq, id, account_id, operation_id, operation_rid, endpoint_id, destination, event_type, url, origin, body, accepted_at, traceparent)
    SELECT t.request_id, t.seq, new_delivery_id(), t.account_id, t.request_id, t.rid, t.endpoint_id, t.endpoint_id, t.event_type, t.url, t.origin, t.body, t.created_at, t.traceparent
    FROM telling t
  ), live AS (
    INSERT INTO live_delivery (seq, home, account_id, operation_id, endpoint_id, lane, origin, phase, look_at, due_at)
    SELECT t.seq, t.request_id, t.account_id, t.request_id, t.endpoint_id, t.endpoint_id, t.origin, p.phase, p.due_at, p.due_at
    FROM telling t CROSS JOIN LATERAL live_phase(t.paused, t.mode) p
  )
  SELECT array_agg(DISTINCT t.request_id) INTO told FROM telling t;
  RETURN told;
END $$;
