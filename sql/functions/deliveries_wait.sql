-- Whether a delivery waits for a place, of whichever lane.
CREATE OR REPLACE FUNCTION deliveries_wait() RETURNS boolean
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN (SELECT d.seq FROM live_delivery d WHERE d.phase = 'ready' ORDER BY d.lane, d.receiver, d.run_at, d.seq LIMIT 1) IS NOT NULL;
END $$;
