CREATE OR REPLACE FUNCTION spare_leases(most integer, lease interval)
 RETURNS integer
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET enable_sort TO 'off'
 SET enable_incremental_sort TO 'off'
 SET enable_memoize TO 'off'
 SET jit TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $$
      DECLARE
        -- Leases are renewed as often as this, so a shorter outage lets none run out.
        third interval := lease / 3;
        last timestamptz;
        operations bigint[]; deliveries bigint[];
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
          operations := ARRAY(SELECT o.request_id FROM operation o WHERE o.phase = 'running' AND o.due_at < now() + third ORDER BY o.due_at);
          PERFORM FROM operation o WHERE o.request_id = ANY (operations) ORDER BY o.request_id FOR UPDATE;
          UPDATE operation o SET due_at = now() + third WHERE o.request_id = ANY (operations) AND o.phase = 'running' AND o.due_at < now() + third;
          deliveries := ARRAY(SELECT d.seq FROM delivery d WHERE d.phase = 'running' AND d.due_at < now() + third ORDER BY d.due_at);
          PERFORM FROM delivery d WHERE d.seq = ANY (deliveries) ORDER BY d.seq FOR UPDATE;
          UPDATE delivery d SET due_at = now() + third WHERE d.seq = ANY (deliveries) AND d.phase = 'running' AND d.due_at < now() + third;
        END IF;
        RETURN most;
      END $$;
