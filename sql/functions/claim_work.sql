-- Leases operations that are offered to remote workers that ask for them, one ask after the other: by the slots and the turns that dispatch
-- goes by, but with the lease in the same commit, so that none has a slot while nobody asks. Asks have a number, a token for their
-- leases, types, an account (null: of all), how many at the most, the seconds of a lease, and who asks. Answers what each got, in the
-- order in which it is to be run; an ask with a row of nulls got none because those accounts have no free slot.
CREATE OR REPLACE FUNCTION claim_work(asks json)
RETURNS TABLE (ask integer, operation operation, live live_operation)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
  SET enable_memoize = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  a record; chosen bigint[]; held_up boolean; leased boolean := false; full_for text[] := '{}';
BEGIN
  IF (SELECT f.request_id FROM (SELECT DISTINCT t.type FROM json_to_recordset(asks) AS a (types text[]) CROSS JOIN LATERAL unnest(a.types) AS t (type)) w
      CROSS JOIN LATERAL first_offered(w.type, NULL) f LIMIT 1) IS NOT NULL THEN
    -- Before any row, as dispatch does: slots are given by one at a time.
    PERFORM pg_advisory_xact_lock(7164225002);
  -- Where nothing is offered nobody waits for the lock. What a flow key may have room for is offered by whoever has it, or by a later look.
  ELSIF NOT flows_due() OR NOT pg_try_advisory_xact_lock(7164225002) THEN
    RETURN;
  END IF;
  IF flows_due() THEN
    PERFORM admit_flows(200);
  END IF;
  FOR a IN SELECT * FROM json_to_recordset(asks) AS a (nth integer, token uuid, types text[], account text, most integer, lease_s float8, worker text)
  LOOP
    IF a.account || ' ' || a.types::text = ANY (full_for) THEN
      -- It would find what an equal ask has found.
      RETURN QUERY SELECT a.nth, NULL::operation, NULL::live_operation;
      CONTINUE;
    END IF;
    SELECT t.chosen, t.held_up INTO chosen, held_up FROM take_work_turns(a.types, a.account, a.most) t;
    IF chosen IS NOT NULL THEN
      RETURN QUERY SELECT a.nth, l.operation, l.live FROM lease_work(chosen, a.token, a.lease_s, a.worker) l;
      leased := leased OR FOUND;
    ELSIF held_up THEN
      full_for := full_for || (a.account || ' ' || a.types::text);
      RETURN QUERY SELECT a.nth, NULL::operation, NULL::live_operation;
    END IF;
  END LOOP;
  IF NOT leased THEN
    -- Whose turn it is may be forgotten by a crash: nobody waits for the disk.
    PERFORM set_config('synchronous_commit', 'off', true);
  END IF;
END $$;
