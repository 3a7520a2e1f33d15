-- Leases the deliveries of a pull endpoint that wait for a consumer, at most `most` of at most `most_bytes` in all but at least one, in
-- the order in which they became due: the attempt of each is under way from this commit on. Two consumers get different ones.
CREATE OR REPLACE FUNCTION pull_deliveries(endpoint text, most integer, most_bytes bigint, lease interval)
RETURNS TABLE (delivery delivery, live live_delivery)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  due tid[];
BEGIN
  PERFORM rescue_leased(1000);
  due := ARRAY(
    SELECT n.place FROM (
      SELECT w.place, row_number() OVER (ORDER BY w.run_at, w.seq) AS nth, sum(b.bytes) OVER (ORDER BY w.run_at, w.seq) AS bytes
      FROM (
        SELECT d.ctid AS place, d.home, d.seq, d.run_at FROM live_delivery d
        WHERE d.phase = 'held' AND d.endpoint_id = pull_deliveries.endpoint AND d.run_at <= now()
        ORDER BY d.endpoint_id, d.run_at, d.seq LIMIT most FOR UPDATE SKIP LOCKED
      ) w
      CROSS JOIN LATERAL (SELECT octet_length(r.body) AS bytes FROM delivery r WHERE r.home = w.home AND r.seq = w.seq LIMIT 1) b
    ) n WHERE n.nth = 1 OR n.bytes <= most_bytes);
  IF due = '{}' THEN
    RETURN;
  END IF;
  RETURN QUERY
  WITH leased AS (
    UPDATE live_delivery d SET phase = 'leased', lease_token = gen_random_uuid(), attempt_count = d.attempt_count + 1,
      schedule_step = d.schedule_step + CASE WHEN d.trigger = 'schedule' THEN 1 ELSE 0 END, started_at = now(),
      look_at = now() + lease, due_at = now() + lease,
      -- What waited for its consumer is not late by that, before whichever attempt.
      owed_since = least(now(), d.owed_since + (now() - d.run_at))
    WHERE d.ctid = ANY (due) RETURNING d
  )
  SELECT r.delivery, l.d FROM leased l
  CROSS JOIN LATERAL (SELECT r AS delivery FROM delivery r WHERE r.home = (l.d).home AND r.seq = (l.d).seq LIMIT 1) r
  ORDER BY (l.d).run_at, (l.d).seq;
END $$;
