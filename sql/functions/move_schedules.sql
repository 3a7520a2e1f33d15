-- Moves schedules on and accepts what their ticks submit, in one commit. The caller holds their rows (take_schedules). An operation
-- whose idempotency key is taken was accepted before; `declared` as of accept_operations. Answers how many were accepted now.
CREATE OR REPLACE FUNCTION move_schedules(moves json, given json, keys json, declared text[]) RETURNS integer
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  rids text[]; numbers bigint[];
BEGIN
  IF json_array_length(given) > 0 THEN
    SELECT array_agg(a.rid), array_agg(a.request_id) INTO rids, numbers FROM accept_operations(given, keys, '{}', 0, interval '0', declared) a;
    IF strpos(given::text, '"flow_key"') > 0 THEN
      PERFORM give_flows(given, rids);
    END IF;
  END IF;
  UPDATE schedule s SET next_tick = m.next_tick, due_at = m.due_at, last_tick = coalesce(m.last_tick, s.last_tick),
    last_operation = coalesce(m.request_id, s.last_operation),
    skipped_tick = coalesce(m.skipped_tick, s.skipped_tick), skipped_reason = coalesce(m.skipped_reason, s.skipped_reason)
  FROM (
    SELECT g.*, a.request_id FROM json_to_recordset(moves) AS g (
      id text, next_tick timestamptz, due_at timestamptz, last_tick timestamptz, last_rid text, skipped_tick timestamptz, skipped_reason text)
    LEFT JOIN unnest(rids, numbers) AS a (rid, request_id) ON a.rid = g.last_rid
  ) m
  WHERE s.id = ANY (ARRAY(SELECT g.id FROM json_to_recordset(moves) AS g (id text))) AND s.id = m.id;
  RETURN coalesce(cardinality(rids), 0);
END $$;
