-- Attempts that have outlived the look at them: the next one is when their lease ends, as it has been renewed by now.
CREATE OR REPLACE FUNCTION put_off_attempts(most integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  due tid[];
BEGIN
  due := ARRAY(SELECT d.ctid FROM live_delivery d
    WHERE d.phase = 'placed' AND d.look_at <= now() AND d.lease_token IS NOT NULL AND d.due_at > now()
    ORDER BY d.look_at LIMIT most FOR UPDATE SKIP LOCKED);
  IF due <> '{}' THEN
    UPDATE live_delivery d SET look_at = d.due_at WHERE d.ctid = ANY (due);
  END IF;
END $$;
