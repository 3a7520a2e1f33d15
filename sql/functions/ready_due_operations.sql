-- Operations whose time has come may be dispatched, and those that somebody was ending and did not. Many at once, and again while there are more: a herd of one account's must not
-- hold up the others'.
CREATE OR REPLACE FUNCTION ready_due_operations(most integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  due tid[];
BEGIN
  LOOP
    due := ARRAY(SELECT o.ctid FROM live_operation o WHERE o.phase = 'scheduled' AND o.look_at <= now()
      ORDER BY o.look_at LIMIT 25 * most FOR UPDATE SKIP LOCKED);
    EXIT WHEN due = '{}';
    UPDATE live_operation o SET phase = CASE WHEN o.run_at > now() THEN 'scheduled' ELSE ready_phase(o.type) END, lease_token = NULL, worker = NULL, run_until = NULL,
      look_at = greatest(o.look_at, o.run_at), due_at = greatest(o.due_at, o.run_at)
    WHERE o.ctid = ANY (due);
    EXIT WHEN cardinality(due) < 25 * most OR clock_timestamp() > now() + interval '1 second';
  END LOOP;
END $$;
