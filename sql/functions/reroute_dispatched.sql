-- A delivery whose hint is lost, and whose endpoint has moved, waits for room where that is now.
CREATE OR REPLACE FUNCTION reroute_dispatched(most integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  due tid[];
BEGIN
  due := ARRAY(SELECT d.ctid FROM live_delivery d
    WHERE d.phase = 'placed' AND d.look_at <= now() AND d.lease_token IS NULL
      AND d.origin <> (SELECT e.origin FROM endpoint e WHERE e.id BETWEEN d.endpoint_id AND d.endpoint_id ORDER BY e.id LIMIT 1)
    ORDER BY d.look_at LIMIT most FOR UPDATE SKIP LOCKED);
  IF due <> '{}' THEN
    UPDATE live_delivery d SET phase = 'ready', look_at = now(), due_at = now(), dispatched_at = NULL WHERE d.ctid = ANY (due);
  END IF;
END $$;
