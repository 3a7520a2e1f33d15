-- How many slots these accounts have free for what is accepted now, and how many operations may be dispatched in all. Takes the
-- dispatcher's lock without waiting and counts with a snapshot from after it; the lock is let go once the caller's commit can be seen,
-- so whoever counts next sees what was taken. Answers nothing where somebody else has the lock, and no account of which operations wait.
CREATE OR REPLACE FUNCTION free_slots(accounts text[], max_dispatched integer)
RETURNS TABLE (account_id text, free integer, places integer)
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  places integer;
  others boolean;
BEGIN
  IF NOT pg_try_advisory_xact_lock(7164225002) THEN
    RETURN;
  END IF;
  places := max_dispatched - (
    SELECT count(*) FROM (SELECT FROM live_operation o WHERE o.phase = 'placed' AND o.lease_token IS NULL ORDER BY o.look_at LIMIT max_dispatched) d);
  IF places <= 0 THEN
    RETURN;
  END IF;
  -- Where anybody waits, an account gets one now and no second: the others' turn comes in between.
  others := operations_wait();
  RETURN QUERY
  SELECT g.id, least(a.slots - (
      SELECT count(*)::integer FROM (
        SELECT FROM live_operation o WHERE o.account_id = a.id AND o.phase IN ('placed', 'awaiting') ORDER BY o.account_id LIMIT a.slots) t)
      - (SELECT count(*)::integer FROM slot_wanted s WHERE s.account_id = a.id AND s.until > now()),
    CASE WHEN others THEN 1 END), places
  FROM unnest(accounts) AS g (id)
  CROSS JOIN LATERAL (SELECT a.id, a.slots FROM account a WHERE a.id = g.id LIMIT 1) a
  -- First come, first served within an account.
  WHERE (SELECT o.request_id FROM live_operation o WHERE o.account_id = a.id AND o.phase = 'ready'
    ORDER BY o.account_id, o.priority DESC, o.request_id LIMIT 1) IS NULL;
END $$;
