-- Runs whose worker went silent wait again. Those without a try left stay, and those whose time is over: somebody has to end them.
CREATE OR REPLACE FUNCTION rescue_operations(most integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  due tid[];
BEGIN
  due := ARRAY(SELECT o.ctid FROM live_operation o
    WHERE o.phase = 'placed' AND o.look_at <= now() AND o.lease_token IS NOT NULL AND o.due_at <= now() AND o.attempt < o.tries
      AND (o.run_until IS NULL OR o.run_until > now())
    ORDER BY o.look_at LIMIT most FOR UPDATE SKIP LOCKED);
  IF due <> '{}' THEN
    UPDATE live_operation o SET phase = ready_phase(o.type), look_at = now(), due_at = now(), lease_token = NULL, worker = NULL, run_until = NULL, status_text = NULL, unhandled_since = NULL,
      transitions = concat_ws(E'\n', o.transitions, transition('Waiting', 'The worker went silent; waiting for another'))
    WHERE o.ctid = ANY (due);
  END IF;
END $$;
