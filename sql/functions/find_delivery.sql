-- One delivery of an account, or of any (null), as it stands.
CREATE OR REPLACE FUNCTION find_delivery(account text, delivery text) RETURNS SETOF delivery_view
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  found_home bigint; found_seq bigint;
BEGIN
  -- By this index alone: without statistics, that of the account looks as good.
  SELECT d.home, d.seq INTO found_home, found_seq FROM delivery d WHERE d.id = find_delivery.delivery;
  RETURN QUERY SELECT v.* FROM delivery_view v WHERE v.home = found_home AND v.seq = found_seq AND (account IS NULL OR v.account_id = account);
END $$;
