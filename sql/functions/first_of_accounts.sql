-- The first delivery of each account that has one ready for an origin and a receiver there with room, of `wanted` accounts at the most:
-- in a circle from `start` on. `flying` and `doubting` are the receivers of what is in flight there, and the accounts of what of that
-- is doubted.
CREATE OR REPLACE FUNCTION first_of_accounts(
  named text, wanted integer, in_flight integer, start bigint, proven boolean, closed boolean, flying bigint[], doubting bigint[])
RETURNS TABLE (payer bigint, seq bigint, doubt integer)
LANGUAGE sql STABLE AS $$
  SELECT w.payer, r.seq, r.doubt FROM (
    SELECT w.last >> 32 AS payer FROM (
      VALUES (start | 4294967295, 9223372036854775807), ('-9223372036854775808'::bigint, start | 4294967295)
    ) lap (after, upto) CROSS JOIN LATERAL (
      WITH RECURSIVE walk AS (
        SELECT lap.after AS last, false AS found
        UNION ALL
        SELECT d.receiver | 4294967295, true FROM walk w CROSS JOIN LATERAL (
          SELECT d.receiver FROM live_delivery d WHERE d.phase = 'ready' AND d.lane = named AND d.receiver > w.last AND d.receiver <= lap.upto
          ORDER BY d.lane, d.receiver, d.run_at, d.seq LIMIT 1
        ) d
      )
      SELECT * FROM walk w WHERE w.found
    ) w LIMIT 200
  ) w CROSS JOIN LATERAL receivers_of(named, w.payer, 1, in_flight, start, proven, closed, flying,
    cardinality(array_positions(doubting, w.payer)), cardinality(doubting)) r
  LIMIT wanted
$$;
