-- Lanes with room for what they have waiting, `asked` at the most, in a circle that began behind `begun`, has reached `reached`, and
-- was `wrapped` round the end of the names. Each with the delivery whose turn it is, and what the lane and its origin have room for.
CREATE OR REPLACE FUNCTION lanes_with_room(begun text, reached text, wrapped boolean, asked integer, in_flight integer, closed boolean, start bigint)
RETURNS SETOF open_lane
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH lane AS (
    SELECT n.*, l.origin, l.proven, l.shared, coalesce(l.payer, n.receiver >> 32) AS payer, l.free, l.cap
    FROM (VALUES (reached, CASE WHEN wrapped THEN begun END), ('', CASE WHEN wrapped THEN '' ELSE begun END)) lap (after, upto)
    CROSS JOIN LATERAL waiting_lanes(lap.after, lap.upto) n CROSS JOIN LATERAL limits_of_lane(n.lane, in_flight, closed) l OFFSET 0
  ), roomy AS (
    SELECT l.*, f.flying FROM lane l CROSS JOIN LATERAL (
      SELECT count(*)::integer AS flying FROM (
        SELECT FROM live_delivery d WHERE d.origin = l.origin AND d.phase = 'placed' ORDER BY d.origin LIMIT l.cap) d
    ) f WHERE l.free > 0 AND l.cap > 0 OFFSET 0
  ), first AS (
    SELECT r.lane, r.origin, r.proven, r.shared, r.free, r.cap, r.flying, r.receiver AS begins, v.*
    FROM roomy r CROSS JOIN LATERAL first_of_lane(r.lane, r.receiver, r.seq, r.payer, start) v WHERE r.flying < r.cap
  ), judged AS (
    SELECT f.*, j.* FROM first f CROSS JOIN LATERAL share_of_receiver(f.lane, f.receiver, f.payer, f.origin, f.proven, f.several OR f.shared,
      closed, f.flying, f.cap, in_flight) j OFFSET 0
  )
  SELECT j.lane, h.seq, j.origin, j.begins, h.payer, h.doubt, j.proven, closed, j.several, j.lone, h.free, j.cap - j.flying, h.mine, h.everyone
  FROM (SELECT j.*, least(j.free, j.share) AS fit FROM judged j) j CROSS JOIN LATERAL (
    SELECT j.seq, j.payer, j.doubt, j.mine, j.everyone, CASE WHEN j.several THEN in_flight ELSE j.fit END AS free WHERE j.fit > 0
    UNION ALL
    SELECT a.seq, a.payer, a.doubt, a.mine, a.everyone, in_flight
    FROM (SELECT WHERE j.several AND j.fit <= 0) many CROSS JOIN LATERAL ready_at(j.lane, 1, in_flight, start, j.proven, closed, NULL) a
  ) h LIMIT asked;
END $$;
