-- An attempt whose worker went silent has an unknown outcome, since the receiver may have seen it: it is logged, and the delivery
-- waits for another.
CREATE OR REPLACE FUNCTION rescue_attempts(most integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  due tid[];
BEGIN
  due := ARRAY(SELECT d.ctid FROM live_delivery d
    WHERE d.phase = 'placed' AND d.look_at <= now() AND d.lease_token IS NOT NULL AND d.due_at <= now()
    ORDER BY d.look_at LIMIT most FOR UPDATE SKIP LOCKED);
  IF due <> '{}' THEN
    WITH rescued AS (
      UPDATE live_delivery d SET phase = 'ready', look_at = now(), due_at = now(), run_at = now(), lease_token = NULL
      WHERE d.ctid = ANY (due) RETURNING d.home, d.seq, d.attempt_count, d.trigger, d.started_at
    )
    INSERT INTO attempt (home, delivery_seq, number, trigger, outcome, error, started_at)
    SELECT r.home, r.seq, r.attempt_count, r.trigger, 'unknown', 'worker_lost', r.started_at FROM rescued r;
  END IF;
END $$;
