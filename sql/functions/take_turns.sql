-- Which deliveries of these lanes get a place, `most` at the most, each with the doubt of its receiver: as take_operation_turns, within
-- the room of each origin, and of what is doubted there.
CREATE OR REPLACE FUNCTION take_turns(lanes open_lane[], places integer, doubtful_left integer, most integer, in_flight integer, start bigint)
RETURNS TABLE (seq bigint, doubt integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  quota integer := least((most + cardinality(lanes) - 1) / cardinality(lanes), most + 1 - places);
  chosen bigint[]; doubts integer[]; last_served text; moved integer; deepest integer;
BEGIN
  LOOP
    WITH turns AS MATERIALIZED (
      SELECT * FROM turns_of_lanes(lanes, quota, in_flight, start)
    ), mine AS (
      SELECT t.*, row_number() OVER (PARTITION BY t.origin, t.payer ORDER BY t.turn, t.seq) AS nth FROM turns t WHERE t.doubt > 0
    ), everyone AS (
      SELECT m.*, row_number() OVER (PARTITION BY m.origin ORDER BY m.turn, m.seq) AS nth_of_all FROM mine m WHERE m.nth <= m.mine
    ), fit AS (
      SELECT t.lane, t.seq, t.origin, t.doubt, t.room, t.place, t.turn FROM turns t WHERE t.doubt = 0
      UNION ALL
      SELECT e.lane, e.seq, e.origin, e.doubt, e.room, e.place, e.turn FROM everyone e WHERE e.nth_of_all <= e.everyone
    ), shared AS (
      -- Oldest first among the lanes of an origin: those whose place in the circle comes late are not left behind for ever.
      SELECT f.*, row_number() OVER (PARTITION BY f.origin ORDER BY f.turn, f.seq) AS nth FROM fit f
    ), roomy AS (
      SELECT s.*, row_number() OVER (PARTITION BY s.doubt = 2 ORDER BY s.turn, s.seq) AS nth_of_kind FROM shared s WHERE s.nth <= s.room
    )
    SELECT array_agg(c.seq), array_agg(c.doubt), (array_agg(c.lane))[count(*)], count(*), (SELECT max(t.turn) FROM turns t)
    INTO chosen, doubts, last_served, moved, deepest FROM (
      SELECT r.seq, r.lane, r.doubt FROM roomy r WHERE r.doubt < 2 OR r.nth_of_kind <= doubtful_left ORDER BY r.turn, r.place LIMIT most
    ) c;
    EXIT WHEN moved = most OR deepest < quota OR quota >= most;
    quota := least(4 * quota, most);
  END LOOP;
  UPDATE fairness_cursor c SET served = last_served WHERE c.of = 'deliveries' AND c.served <> last_served;
  RETURN QUERY SELECT * FROM unnest(chosen, doubts);
END $$;
