-- Receivers of an account (`payer`) at an origin that have room, `most` at the most, each with its first delivery: in a circle from
-- `start` on, `nth` as they come. `flying` are the receivers of what is in flight there, `mine` and `doubted` how much of that is
-- doubted, of the account and in all.
CREATE OR REPLACE FUNCTION receivers_of(
  named text, payer bigint, most integer, in_flight integer, start bigint, proven boolean, closed boolean, flying bigint[], mine integer, doubted integer)
RETURNS TABLE (nth bigint, receiver bigint, seq bigint, doubt integer, free integer)
LANGUAGE sql STABLE AS $$
  SELECT a.nth, a.receiver, a.seq, a.doubt, a.free FROM (
    SELECT r.*, count(*) FILTER (WHERE r.doubt > 0) OVER (ROWS UNBOUNDED PRECEDING) AS nth_doubted FROM (
      SELECT n.*, CASE WHEN n.doubt = 0 THEN in_flight - in_flight / 5 - cardinality(array_positions(flying, n.receiver))
        WHEN n.rests_until > now() OR (n.doubt = 2 AND closed) OR mine >= most_of_account(n.doubt, in_flight)
          OR doubted >= most_of_origin(n.doubt, in_flight) THEN 0
        ELSE 1 - cardinality(array_positions(flying, n.receiver)) END AS free
      FROM (
        SELECT w.*, k.rests_until, CASE WHEN NOT proven THEN 2 WHEN k.answers THEN 0 WHEN k.answers IS NULL THEN 1 ELSE 2 END AS doubt FROM (
          SELECT row_number() OVER () AS nth, w.receiver, w.seq FROM (
            VALUES ((payer << 32) | (start & 4294967295), (payer << 32) | 4294967295), (payer << 32, (payer << 32) | (start & 4294967295))
          ) lap (after, upto) CROSS JOIN LATERAL (
            WITH RECURSIVE walk AS (
              SELECT lap.after AS receiver, NULL::bigint AS seq
              UNION ALL
              SELECT d.receiver, d.seq FROM walk w CROSS JOIN LATERAL (
                SELECT d.receiver, d.seq FROM live_delivery d WHERE d.phase = 'ready' AND d.lane = named AND d.receiver > w.receiver AND d.receiver <= lap.upto
                ORDER BY d.lane, d.receiver, d.run_at, d.seq LIMIT 1
              ) d
            )
            SELECT * FROM walk w WHERE w.seq IS NOT NULL
          ) w LIMIT 200
        ) w LEFT JOIN LATERAL (SELECT k.answers, k.rests_until FROM receiver k WHERE k.lane = named AND k.receiver = w.receiver LIMIT 1) k ON true OFFSET 0
      ) n OFFSET 0
    ) r WHERE r.free > 0
  ) a WHERE a.doubt = 0 OR a.nth_doubted + mine <= most_of_account(a.doubt, in_flight)
  LIMIT most
$$;
