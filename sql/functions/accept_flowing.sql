-- As accept_completable, of which some have a flow key. `tokens` may be null.
CREATE OR REPLACE FUNCTION accept_flowing(given json, keys json, accounts text[], max_dispatched integer, redispatch interval, declared text[], tokens json)
RETURNS TABLE (rid text, request_id bigint, created_at timestamptz, due_at timestamptz, phase text, epoch integer, silent_until timestamptz)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  accepted text[] := '{}';
BEGIN
  FOR rid, request_id, created_at, due_at, phase, epoch, silent_until IN
    SELECT * FROM accept_completable(given, keys, accounts, max_dispatched, redispatch, declared, coalesce(tokens, '[]')) LOOP
    accepted := accepted || accept_flowing.rid;
    RETURN NEXT;
  END LOOP;
  PERFORM give_flows(given, accepted);
END $$;
