-- Finds deliveries that are due, gives them places at their origins, and answers the hints to send: as dispatch_operations. Turns inside
-- an origin begin at `start`. Of silent and unproven receivers, `doubtful_in_flight` have an attempt at the most.
CREATE OR REPLACE FUNCTION dispatch_deliveries(most integer, redispatch interval, in_flight integer, doubtful_in_flight integer, start bigint)
RETURNS TABLE (seq bigint, epoch integer)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
  SET enable_sort = off SET enable_incremental_sort = off SET enable_memoize = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  lanes open_lane[]; places integer; doubtful_left integer; chosen bigint[]; doubts integer[];
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  IF NOT pg_try_advisory_xact_lock(7164225008) THEN
    RETURN QUERY SELECT NULL::bigint, NULL::integer;
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(7164225003);
  PERFORM put_off_attempts(most);
  PERFORM rescue_attempts(most);
  PERFORM ready_due_deliveries(most);
  PERFORM reroute_dispatched(most);
  PERFORM release_paused(most);
  IF deliveries_wait() THEN
    SELECT o.lanes, o.places, o.doubtful_left INTO lanes, places, doubtful_left FROM open_lanes(most, in_flight, doubtful_in_flight, start) o;
    IF lanes <> '{}' THEN
      SELECT array_agg(t.seq), array_agg(t.doubt) INTO chosen, doubts FROM take_turns(lanes, places, doubtful_left, most, in_flight, start) t;
    END IF;
  END IF;
  RETURN QUERY SELECT * FROM mark_dispatched(chosen, doubts, most, redispatch);
END $$;
