-- Finds operations that are due, gives them slots, and answers the hints to send: verbs, each in a file of its own. Their statements
-- are planned here, under the settings below. Of two locks the first is for one dispatch at a time, and nobody waits for it: who has
-- it dispatches for all. Where somebody else has it, it answers one row of nulls, which asks the caller to come again soon: what was
-- committed after the other had looked, that one hasn't seen. Where a flow key's window opens later, a last row without a hint says
-- in how many seconds. The second is of the slots, which accepts take too: they only try it,
-- so the one dispatch that waits for it waits for a commit at the most.
CREATE OR REPLACE FUNCTION dispatch_round(most integer, redispatch interval, max_dispatched integer, patience interval)
RETURNS TABLE (request_id bigint, epoch integer, again boolean, next_s float8)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
  SET enable_sort = off SET enable_incremental_sort = off SET enable_memoize = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  next timestamptz; ahead integer; room integer; accounts text[]; heads bigint[]; frees bigint[]; chosen bigint[];
BEGIN
  -- A dispatch that a crash forgets is made again, so nobody waits for the disk. (What a later commit waits for includes it.)
  PERFORM set_config('synchronous_commit', 'off', true);
  IF NOT pg_try_advisory_xact_lock(7164225007) THEN
    RETURN QUERY SELECT NULL::bigint, NULL::integer, NULL::boolean, 0::float8;
    RETURN;
  END IF;
  -- Before any row: an accept or an end that has it may wait for one.
  PERFORM pg_advisory_xact_lock(7164225002);
  PERFORM put_off_operations(most);
  PERFORM rescue_operations(most);
  PERFORM ready_due_operations(most);
  next := admit_flows(most);

  -- What is dispatched is overtaken by nothing that comes after it, however many of one account's that is. So no more is than
  -- keeps the workers busy; the rest waits where accounts take turns. While three quarters of that wait for a worker, no more is: a
  -- few at a time would be a job and a notification each, which wakes all workers.
  ahead := (SELECT count(*) FROM (
    SELECT FROM live_operation o WHERE o.phase = 'placed' AND o.lease_token IS NULL ORDER BY o.look_at LIMIT max_dispatched) d);
  IF ahead <= max_dispatched * 3 / 4 THEN
    room := least(most, max_dispatched - ahead);
    SELECT array_agg(a.account_id), array_agg(a.head), array_agg(a.free) INTO accounts, heads, frees FROM accounts_with_slots(room, most) a;
  END IF;
  IF accounts IS NOT NULL THEN
    chosen := take_operation_turns(accounts, heads, frees, room);
  END IF;
  RETURN QUERY SELECT d.request_id, d.epoch, d.again, NULL::float8 FROM mark_operations_dispatched(chosen, most, redispatch, patience) d;
  IF next IS NOT NULL THEN
    RETURN QUERY SELECT NULL::bigint, 0, false, extract(epoch FROM next - clock_timestamp())::float8;
  END IF;
END $$;
