-- Forgets of a flow key what isn't said by its operations, and the key itself where none of them lives. Answers whether it was known.
CREATE OR REPLACE FUNCTION reset_flow(account text, named text) RETURNS boolean
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  -- Whoever accepts one of them holds the row until that can be seen.
  PERFORM FROM flow f WHERE f.account_id = account AND f.key = named FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF flow_lives(account, named) THEN
    UPDATE flow f SET pinned_parallelism = NULL, pinned_rate = NULL, pinned_period_s = NULL, paused_at = NULL, made = false
    WHERE f.account_id = account AND f.key = named;
    PERFORM forget_starts(account, named);
  ELSE
    DELETE FROM flow f WHERE f.account_id = account AND f.key = named;
  END IF;
  RETURN true;
END $$;
