-- As settle_operations, of which some are followed by others: `followers` are operations as accept_operations takes them, each with the
-- `after` of the one whose end makes it. They are accepted in the same commit, where that was ended.
CREATE OR REPLACE FUNCTION settle_followed(endings json, starts json, in_flight integer, lease interval, followers json)
RETURNS TABLE (request_id bigint, callback bigint, started boolean, owes boolean, waits boolean)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  ids bigint[]; callbacks bigint[]; starting boolean[]; owed boolean[]; wait boolean; made json;
BEGIN
  SELECT array_agg(s.request_id), array_agg(s.callback), array_agg(s.started), array_agg(s.owes), bool_or(s.waits)
  INTO ids, callbacks, starting, owed, wait
  FROM settle_operations(endings, starts, in_flight, lease) s;
  SELECT json_agg(f.value) INTO made
  FROM json_array_elements(followers) f WHERE (f.value ->> 'after')::bigint = ANY (ids);
  IF made IS NOT NULL THEN
    PERFORM accept_flowing(made, NULL, '{}', 0, interval '0', NULL, NULL);
  END IF;
  RETURN QUERY SELECT s.id, s.callback, s.starts, s.owes, wait
  FROM unnest(ids, callbacks, starting, owed) AS s (id, callback, starts, owes);
END $$;
