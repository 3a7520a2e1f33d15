-- Keeps what the holder of a token says of how its operation ends, once: the same `request` again changes nothing. Where the operation
-- waits for that, it is leased to the caller, who ends it, and who else was about to has lost it; else whoever has it ends it in its time.
CREATE OR REPLACE FUNCTION complete_operation(hash text, request text, said text, lease interval)
RETURNS TABLE (outcome text, operation operation, live live_operation)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  numbered bigint := (SELECT c.operation_id FROM completion c WHERE c.token_hash = hash);
  token completion; held live_operation;
BEGIN
  -- The operation before the token, as all who take both.
  SELECT o.* INTO held FROM live_operation o WHERE o.request_id = numbered FOR UPDATE;
  SELECT c.* INTO token FROM completion c WHERE c.token_hash = hash FOR UPDATE;
  outcome := CASE
    WHEN token.token_hash IS NULL THEN 'unknown'
    WHEN token.digest = request THEN 'repeated'
    WHEN token.digest IS NOT NULL OR EXISTS (SELECT FROM completion c WHERE c.operation_id = numbered AND c.digest IS NOT NULL) THEN 'completed'
    WHEN token.expires_at <= now() THEN 'expired'
    WHEN held.request_id IS NULL THEN 'ended'
    WHEN held.awaits IS NULL THEN 'kept'
    ELSE 'taken' END;
  IF outcome IN ('kept', 'taken') THEN
    UPDATE completion c SET digest = request, given = said WHERE c.token_hash = hash;
  END IF;
  IF outcome = 'taken' THEN
    UPDATE live_operation o SET lease_token = gen_random_uuid(), look_at = now() + lease, due_at = now() + lease
    WHERE o.request_id = numbered RETURNING o.* INTO live;
    SELECT r.* INTO operation FROM operation r WHERE r.request_id = numbered;
  END IF;
  RETURN NEXT;
END $$;
