-- An attempt whose worker went silent has an unknown outcome, since the receiver may have seen it: it is logged, and the delivery
-- waits for another. It uses up no step of the retry schedule, but for what loses one worker after the other: an answer that kills them
-- must not come for ever (`isSpent` of next-step.ts knows how many are forgiven, too).
CREATE OR REPLACE FUNCTION rescue_attempts(most integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  forgiven CONSTANT integer := 25;
  due tid[];
BEGIN
  due := ARRAY(SELECT d.ctid FROM live_delivery d
    WHERE d.phase = 'placed' AND d.look_at <= now() AND d.lease_token IS NOT NULL AND d.due_at <= now()
    ORDER BY d.look_at LIMIT most FOR UPDATE SKIP LOCKED);
  IF due <> '{}' THEN
    WITH rescued AS (
      UPDATE live_delivery d SET phase = 'ready', look_at = now(), due_at = now(), run_at = now(), lease_token = NULL,
        schedule_step = d.schedule_step - CASE WHEN d.trigger = 'schedule' AND d.attempt_count - d.schedule_step < forgiven THEN 1 ELSE 0 END
      WHERE d.ctid = ANY (due) RETURNING d.home, d.seq, d.attempt_count, d.trigger, d.started_at
    )
    INSERT INTO attempt (home, delivery_seq, number, trigger, outcome, error, started_at)
    SELECT r.home, r.seq, r.attempt_count, r.trigger, 'unknown', 'worker_lost', r.started_at FROM rescued r;
  END IF;
END $$;
