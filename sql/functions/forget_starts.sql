-- Forgets the starts of a flow key's last period, also those that are only noted, where the key is known.
CREATE OR REPLACE FUNCTION forget_starts(account text, named text) RETURNS boolean
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  -- Before the notes, as the dispatcher does.
  UPDATE flow f SET start_times = '{}', start_counts = '{}' WHERE f.account_id = account AND f.key = named;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE flow_note n SET started_at = NULL WHERE n.account_id = account AND n.key = named AND n.started_at IS NOT NULL;
  INSERT INTO flow_note (account_id, key) VALUES (account, named);
  RETURN true;
END $$;
