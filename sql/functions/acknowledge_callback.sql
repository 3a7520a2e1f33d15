-- Ends an operation's own callback that its caller has read about: one that waits is Canceled, an attempt under way is the last, and
-- of one that was given up is kept why. What was delivered, or somebody has redelivered since, is left alone.
CREATE OR REPLACE FUNCTION acknowledge_callback(operation bigint) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  number bigint;
  live live_delivery;
BEGIN
  SELECT d.seq INTO number FROM delivery d WHERE d.home = operation AND d.destination = 'callback' LIMIT 1;
  -- Locked first: an attempt that begins meanwhile isn't cut off.
  SELECT d.* INTO live FROM live_delivery d WHERE d.seq = number FOR UPDATE;
  IF live.given_up_reason IS NOT NULL OR live.delivered_at IS NOT NULL THEN
    RETURN;
  ELSIF live.lease_token IS NOT NULL THEN
    UPDATE live_delivery d SET reason = 'acknowledged_by_poll' WHERE d.seq = number;
  ELSIF live.seq IS NOT NULL THEN
    PERFORM cancel_deliveries(ARRAY[number], 'acknowledged_by_poll');
  ELSE
    UPDATE delivery_end e SET reason = 'acknowledged_by_poll', given_up_reason = e.reason
    WHERE e.home = operation AND e.seq = number AND e.state = 'Exhausted' AND e.reason IS DISTINCT FROM 'acknowledged_by_poll'
      AND e.given_up_reason IS NULL AND e.delivered_at IS NULL;
    IF FOUND THEN
      DELETE FROM undelivered u WHERE u.home = operation AND u.seq = number;
    END IF;
  END IF;
END $$;
