-- As accept_operations, of what takes no slot and waits for none: it is run by whoever finds it, as soon as it is there.
CREATE OR REPLACE FUNCTION accept_apart(given json, keys json)
RETURNS TABLE (rid text, request_id bigint, created_at timestamptz, due_at timestamptz, phase text, epoch integer, silent_until timestamptz)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  FOR rid, request_id, created_at, due_at, phase, epoch, silent_until IN SELECT * FROM accept_operations(given, keys, '{}', 0, interval '0', NULL) LOOP
    UPDATE live_operation o SET phase = 'apart' WHERE o.request_id = accept_apart.request_id;
    RETURN NEXT;
  END LOOP;
END $$;
