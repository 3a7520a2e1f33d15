-- Runs that have outlived the look at them: the next one is when their lease ends, as it has been renewed by now.
CREATE OR REPLACE FUNCTION put_off_operations(most integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  due tid[];
BEGIN
  due := ARRAY(SELECT o.ctid FROM live_operation o
    WHERE o.phase = 'placed' AND o.look_at <= now() AND o.lease_token IS NOT NULL AND o.due_at > now()
    ORDER BY o.look_at LIMIT most FOR UPDATE SKIP LOCKED);
  IF due <> '{}' THEN
    UPDATE live_operation o SET look_at = o.due_at WHERE o.ctid = ANY (due);
  END IF;
END $$;
