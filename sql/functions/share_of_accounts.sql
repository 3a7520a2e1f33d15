-- Of each of these accounts up to `share` deliveries that are ready for an origin, by turn, to receivers there with room; `wanted` in
-- all at the most. `deepest` is the last turn that one of them could fill.
CREATE OR REPLACE FUNCTION share_of_accounts(
  named text, payers bigint[], share integer, wanted integer, in_flight integer, start bigint, proven boolean, closed boolean,
  flying bigint[], doubting bigint[], OUT seqs bigint[], OUT owners bigint[], OUT doubts integer[], OUT deepest integer)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  WITH waiting AS (
    SELECT a.place, a.payer, r.* FROM unnest(payers) WITH ORDINALITY AS a (payer, place)
    CROSS JOIN LATERAL receivers_of(named, a.payer, share, in_flight, start, proven, closed, flying,
      cardinality(array_positions(doubting, a.payer)), cardinality(doubting)) r
  ), everything AS (
    SELECT w.place, w.payer, w.nth, w.seq, w.doubt, 1::bigint AS turn FROM waiting w
    UNION ALL
    SELECT w.place, w.payer, w.nth, next.seq, w.doubt, next.turn FROM waiting w CROSS JOIN LATERAL (
      SELECT d.seq, row_number() OVER (ORDER BY d.run_at, d.seq) AS turn FROM live_delivery d
      WHERE d.lane = named AND d.receiver = w.receiver AND d.phase = 'ready'
      ORDER BY d.run_at, d.seq OFFSET 1 LIMIT least(w.free, share) - 1
    ) next
    WHERE w.free > 1 AND share > 1
  ), owned AS (
    SELECT e.*, row_number() OVER (PARTITION BY e.place ORDER BY e.turn, e.nth) AS nth_of_own FROM everything e
  ), fit AS (
    SELECT * FROM owned o WHERE o.nth_of_own <= share
  )
  SELECT array_agg(o.seq), array_agg(o.payer), array_agg(o.doubt), (SELECT max(f.nth_of_own) FROM fit f) INTO seqs, owners, doubts, deepest
  FROM (SELECT * FROM fit f ORDER BY f.nth_of_own, f.place LIMIT wanted) o;
END $$;
