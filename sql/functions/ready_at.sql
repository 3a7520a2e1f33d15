CREATE OR REPLACE FUNCTION ready_at(home text, wanted integer, in_flight integer, start bigint, proven boolean, closed boolean, lone bigint, most_mine integer[], most_all integer[])
 RETURNS TABLE(turn integer, seq bigint, payer bigint, doubt integer, mine integer, everyone integer)
 LANGUAGE plpgsql
 STABLE
AS $$
      #variable_conflict use_column
      DECLARE
        flying bigint[]; doubting bigint[]; doubted integer; payers bigint[]; seqs bigint[]; owners bigint[]; doubts integer[]; share integer := 1; deepest integer;
      BEGIN
        SELECT coalesce(array_agg(d.receiver) FILTER (WHERE d.lane = home), '{}'),
          coalesce(array_agg(hashtext(d.account_id)::bigint) FILTER (WHERE d.doubt > 0), '{}') INTO flying, doubting
        FROM (
          SELECT d.lane, d.receiver, d.account_id, d.doubt FROM delivery d
          WHERE d.origin = home AND d.phase IN ('hinted', 'running') ORDER BY d.due_at LIMIT in_flight
        ) d;
        doubted := cardinality(doubting);

        IF wanted = 1 OR lone IS NULL THEN
          -- The first of each account, of as many accounts as are wanted.
          SELECT array_agg(a.payer), array_agg(a.seq), array_agg(a.doubt) INTO payers, seqs, doubts FROM (
            SELECT w.payer, r.seq, r.doubt FROM (
              SELECT w.last >> 32 AS payer FROM (
                VALUES (start | 4294967295, 9223372036854775807), ('-9223372036854775808'::bigint, start | 4294967295)
              ) lap (after, upto) CROSS JOIN LATERAL (
                WITH RECURSIVE walk AS (
                  SELECT lap.after AS last, false AS found
                  UNION ALL
                  SELECT d.receiver | 4294967295, true FROM walk w CROSS JOIN LATERAL (
                    SELECT d.receiver FROM delivery d WHERE d.phase = 'ready' AND d.lane = home AND d.receiver > w.last AND d.receiver <= lap.upto
                    ORDER BY d.lane, d.receiver, d.run_at, d.seq LIMIT 1
                  ) d
                )
                SELECT * FROM walk w WHERE w.found
              ) w LIMIT 200
            ) w CROSS JOIN LATERAL receivers_of(home, w.payer, 1, in_flight, start, proven, closed, flying,
              cardinality(array_positions(doubting, w.payer)), doubted, most_mine, most_all) r
            LIMIT wanted
          ) a;
          owners := payers;
        ELSE
          payers := ARRAY[lone];
          seqs := '{}';
        END IF;

        -- More of each, where that is not enough: those that have few leave it to the others.
        WHILE cardinality(seqs) < wanted AND share < wanted AND deepest IS NOT DISTINCT FROM nullif(share, 1) LOOP
          share := CASE share WHEN 1 THEN (wanted + cardinality(payers) - 1) / cardinality(payers) ELSE least(4 * share, wanted) END;
          WITH waiting AS (
            SELECT a.place, a.payer, r.* FROM unnest(payers) WITH ORDINALITY AS a (payer, place)
            CROSS JOIN LATERAL receivers_of(home, a.payer, share, in_flight, start, proven, closed, flying,
              cardinality(array_positions(doubting, a.payer)), doubted, most_mine, most_all) r
          ), everything AS (
            SELECT w.place, w.payer, w.nth, w.seq, w.doubt, 1::bigint AS turn FROM waiting w
            UNION ALL
            SELECT w.place, w.payer, w.nth, next.seq, w.doubt, next.turn FROM waiting w CROSS JOIN LATERAL (
              SELECT d.seq, row_number() OVER (ORDER BY d.run_at, d.seq) AS turn FROM delivery d
              WHERE d.lane = home AND d.receiver = w.receiver AND d.phase = 'ready'
              ORDER BY d.run_at, d.seq OFFSET 1 LIMIT least(w.free, share) - 1
            ) next
            WHERE w.free > 1 AND share > 1
          ), owned AS (
            SELECT e.*, row_number() OVER (PARTITION BY e.place ORDER BY e.turn, e.nth) AS nth_of_own FROM everything e
          )
          SELECT array_agg(o.seq), array_agg(o.payer), array_agg(o.doubt), (SELECT max(o.nth_of_own) FROM owned o WHERE o.nth_of_own <= share) INTO seqs, owners, doubts, deepest
          FROM (SELECT * FROM owned o WHERE o.nth_of_own <= share ORDER BY o.nth_of_own, o.place LIMIT wanted) o;
        END LOOP;
        RETURN QUERY SELECT a.turn::integer, a.seq, a.payer, a.doubt,
          most_mine[a.doubt] - cardinality(array_positions(doubting, a.payer)), most_all[a.doubt] - doubted
        FROM unnest(seqs, owners, doubts) WITH ORDINALITY AS a (seq, payer, doubt, turn);
      END $$;
