-- What these lanes have waiting, `quota` of each at the most, by turn: the first of each, then the second of each …
CREATE OR REPLACE FUNCTION turns_of_lanes(lanes open_lane[], quota integer, in_flight integer, start bigint)
RETURNS TABLE (lane text, seq bigint, origin text, payer bigint, doubt integer, room integer, mine integer, everyone integer, place bigint, turn bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH open AS (
    SELECT l.*, least(l.free, l.room, quota) AS share FROM unnest(lanes) WITH ORDINALITY
      AS l (lane, seq, origin, receiver, payer, doubt, proven, closed, several, lone, free, room, mine, everyone, place)
  )
  SELECT l.lane, l.seq, l.origin, l.payer, l.doubt, l.room, l.mine, l.everyone, l.place, 1::bigint FROM open l
  UNION ALL
  SELECT l.lane, next.seq, l.origin, l.payer, l.doubt, l.room, l.mine, l.everyone, l.place, next.turn FROM open l CROSS JOIN LATERAL (
    SELECT d.seq, row_number() OVER (ORDER BY d.run_at, d.seq) AS turn FROM live_delivery d
    WHERE d.lane = l.lane AND d.receiver = l.receiver AND d.phase = 'ready' ORDER BY d.run_at, d.seq OFFSET 1 LIMIT l.share - 1
  ) next
  WHERE l.share > 1 AND NOT l.several
  UNION ALL
  SELECT l.lane, next.seq, l.origin, next.payer, next.doubt, l.room, next.mine, next.everyone, l.place, next.turn
  FROM open l CROSS JOIN LATERAL ready_at(l.lane, l.share, in_flight, start, l.proven, l.closed, l.lone) next
  WHERE l.share > 1 AND l.several AND next.turn > 1;
END $$;
