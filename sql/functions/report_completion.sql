-- Records progress that the holder of a token tells of its operation, which has not ended.
CREATE OR REPLACE FUNCTION report_completion(hash text, percent real, line text)
RETURNS TABLE (outcome text, request_id bigint)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  token completion; held live_operation;
BEGIN
  SELECT c.* INTO token FROM completion c WHERE c.token_hash = hash;
  -- Locked before its entry gets its id, so that ids follow the order of the commits.
  SELECT o.* INTO held FROM live_operation o WHERE o.request_id = token.operation_id FOR UPDATE;
  request_id := token.operation_id;
  outcome := CASE
    WHEN token.token_hash IS NULL THEN 'unknown'
    WHEN EXISTS (SELECT FROM completion c WHERE c.operation_id = token.operation_id AND c.digest IS NOT NULL) THEN 'completed'
    WHEN token.expires_at <= now() THEN 'expired'
    WHEN held.request_id IS NULL THEN 'ended'
    ELSE 'told' END;
  IF outcome = 'told' THEN
    UPDATE live_operation o SET progress = coalesce(percent, o.progress), status_text = coalesce(line, o.status_text)
    WHERE o.request_id = held.request_id;
    INSERT INTO history_entry (operation_id, kind, progress, text)
    VALUES (held.request_id, 'progress', coalesce(percent, held.progress), coalesce(line, held.status_text, 'Executing...'));
  END IF;
  RETURN NEXT;
END $$;
