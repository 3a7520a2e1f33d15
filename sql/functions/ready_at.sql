-- What may be sent now to an origin whose callbacks go to several receivers, `wanted` at the most: the first of each account, then the
-- second of each … `lone` is the account that all of them are of; null: there are several. With the doubt of each one's receiver, and
-- what its account, and all accounts, may still have there that is doubted.
CREATE OR REPLACE FUNCTION ready_at(named text, wanted integer, in_flight integer, start bigint, proven boolean, closed boolean, lone bigint)
RETURNS TABLE (turn integer, seq bigint, payer bigint, doubt integer, mine integer, everyone integer)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  flying bigint[]; doubting bigint[]; payers bigint[]; seqs bigint[] := '{}'; owners bigint[]; doubts integer[]; share integer := 1; deepest integer;
BEGIN
  SELECT coalesce(array_agg(d.receiver) FILTER (WHERE d.lane = named), '{}'),
    coalesce(array_agg(hashtext(d.account_id)::bigint) FILTER (WHERE d.doubt > 0), '{}') INTO flying, doubting
  FROM (
    SELECT d.lane, d.receiver, d.account_id, d.doubt FROM live_delivery d
    WHERE d.origin = named AND d.phase = 'placed' ORDER BY d.origin LIMIT in_flight
  ) d;
  IF wanted = 1 OR lone IS NULL THEN
    SELECT array_agg(a.payer), array_agg(a.seq), array_agg(a.doubt) INTO payers, seqs, doubts
    FROM first_of_accounts(named, wanted, in_flight, start, proven, closed, flying, doubting) a;
    owners := payers;
  ELSE
    payers := ARRAY[lone];
  END IF;
  -- More of each, where that is not enough: those that have few leave it to the others.
  WHILE cardinality(seqs) < wanted AND share < wanted AND deepest IS NOT DISTINCT FROM nullif(share, 1) LOOP
    share := CASE share WHEN 1 THEN (wanted + cardinality(payers) - 1) / cardinality(payers) ELSE least(4 * share, wanted) END;
    SELECT s.seqs, s.owners, s.doubts, s.deepest INTO seqs, owners, doubts, deepest
    FROM share_of_accounts(named, payers, share, wanted, in_flight, start, proven, closed, flying, doubting) s;
  END LOOP;
  RETURN QUERY SELECT a.turn::integer, a.seq, a.payer, a.doubt,
    most_of_account(a.doubt, in_flight) - cardinality(array_positions(doubting, a.payer)), most_of_origin(a.doubt, in_flight) - cardinality(doubting)
  FROM unnest(seqs, owners, doubts) WITH ORDINALITY AS a (seq, payer, doubt, turn);
END $$;
