-- After an outage, in which nobody could renew leases, gives those that have run out another third of their time. It is called with
-- each look for leases that have run out, and takes a gap of a third of a lease between two looks for an outage. Answers `most`, so that
-- a dispatch is called with it: what it rescues has been spared first.
CREATE OR REPLACE FUNCTION spare_leases(most integer, lease interval) RETURNS integer
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
  SET enable_sort = off SET enable_incremental_sort = off SET enable_memoize = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  -- Leases are renewed as often as this, so a shorter outage lets none run out.
  third interval := lease / 3;
  last timestamptz; operations bigint[]; deliveries bigint[];
BEGIN
  -- Not written with every look.
  SELECT w.looked_at INTO last FROM lease_watch w WHERE w.one;
  IF last BETWEEN now() - third / 4 AND now() + third THEN
    RETURN most;
  END IF;
  -- Who comes second waits here for the first, and finds that it has looked.
  SELECT w.looked_at INTO last FROM lease_watch w WHERE w.one FOR UPDATE;
  IF last BETWEEN now() - third / 4 AND now() + third THEN
    RETURN most;
  END IF;
  UPDATE lease_watch w SET looked_at = now() WHERE w.one;
  IF last < now() - third THEN
    -- Before any row, as the dispatches that come after it in this transaction.
    PERFORM pg_advisory_xact_lock(7164225002);
    PERFORM pg_advisory_xact_lock(7164225003);
    -- A lease ends no earlier than its look_at, which the index has.
    operations := ARRAY(SELECT o.request_id FROM live_operation o WHERE o.phase = 'placed' AND o.look_at < now() + third
      AND o.lease_token IS NOT NULL AND o.due_at < now() + third ORDER BY o.look_at)
      || ARRAY(SELECT o.request_id FROM live_operation o WHERE o.awaits IN ('completion', 'poll') AND o.look_at < now() + third
      AND o.lease_token IS NOT NULL AND o.due_at < now() + third);
    PERFORM FROM live_operation o WHERE o.request_id = ANY (operations) ORDER BY o.request_id FOR UPDATE;
    UPDATE live_operation o SET due_at = now() + third
    WHERE o.request_id = ANY (operations) AND o.lease_token IS NOT NULL AND o.due_at < now() + third;
    deliveries := ARRAY(SELECT d.seq FROM live_delivery d WHERE d.phase = 'placed' AND d.look_at < now() + third
      AND d.lease_token IS NOT NULL AND d.due_at < now() + third ORDER BY d.look_at);
    PERFORM FROM live_delivery d WHERE d.seq = ANY (deliveries) ORDER BY d.seq FOR UPDATE;
    UPDATE live_delivery d SET due_at = now() + third
    WHERE d.seq = ANY (deliveries) AND d.lease_token IS NOT NULL AND d.due_at < now() + third;
  END IF;
  RETURN most;
END $$;
