-- Deliveries whose time has come may be dispatched: as ready_due_operations.
CREATE OR REPLACE FUNCTION ready_due_deliveries(most integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  due tid[];
BEGIN
  LOOP
    due := ARRAY(SELECT d.ctid FROM live_delivery d WHERE d.phase = 'scheduled' AND d.look_at <= now()
      ORDER BY d.look_at LIMIT 25 * most FOR UPDATE SKIP LOCKED);
    EXIT WHEN due = '{}';
    UPDATE live_delivery d SET phase = 'ready' WHERE d.ctid = ANY (due);
    EXIT WHEN cardinality(due) < 25 * most OR clock_timestamp() > now() + interval '1 second';
  END LOOP;
END $$;
