-- Operations that run apart, and that nobody runs: those whose worker went silent wait again, unless their tries are spent. There
-- are few of them at any time.
CREATE OR REPLACE FUNCTION find_apart(most integer) RETURNS TABLE (request_id bigint, epoch integer)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  silent bigint[];
BEGIN
  silent := ARRAY(SELECT o.request_id FROM live_operation o
    WHERE o.phase = 'apart' AND o.look_at <= now() AND o.lease_token IS NOT NULL AND o.due_at <= now() AND o.attempt < o.tries
    ORDER BY o.request_id FOR UPDATE SKIP LOCKED);
  IF silent <> '{}' THEN
    UPDATE live_operation o SET look_at = now(), due_at = now(), lease_token = NULL, status_text = NULL,
      transitions = concat_ws(E'\n', o.transitions, transition('Waiting', 'The worker went silent; waiting for another'))
    WHERE o.request_id = ANY (silent);
  END IF;
  RETURN QUERY SELECT o.request_id, o.epoch FROM live_operation o
  WHERE o.phase = 'apart' AND o.look_at <= now() AND o.lease_token IS NULL ORDER BY o.request_id LIMIT most;
END $$;
