-- The lanes of a round, which take turns in a circle from behind the one that was served last: no more are looked at than the round
-- can serve. Lanes of one origin share its room, so that many of them may be fewer places: then the lap goes on.
-- Silent and unproven receivers leave room for the others, however many of them hang: `doubtful_left` is what they may still have,
-- counted only where one of them waits.
CREATE OR REPLACE FUNCTION open_lanes(most integer, in_flight integer, doubtful_in_flight integer, start bigint,
  OUT lanes open_lane[], OUT places integer, OUT doubtful_left integer)
LANGUAGE plpgsql AS $$
DECLARE
  begun text := (SELECT c.served FROM fairness_cursor c WHERE c.of = 'deliveries');
  reached text := begun; wrapped boolean := false; asked integer := most; more open_lane[]; doubtful integer;
BEGIN
  LOOP
    more := ARRAY(SELECT l FROM lanes_with_room(begun, reached, wrapped, asked, in_flight, coalesce(doubtful >= doubtful_left, false), start) l);
    lanes := lanes || more;
    SELECT coalesce(sum(n.places) FILTER (WHERE NOT n.doubtful), 0), coalesce(sum(n.places) FILTER (WHERE n.doubtful), 0) INTO places, doubtful
    FROM (
      SELECT l.doubt = 2 AS doubtful, least(min(l.room), count(*)) AS places FROM unnest(lanes) AS l GROUP BY l.origin, l.doubt = 2
    ) n;
    IF doubtful_left IS NULL AND (doubtful > 0 OR EXISTS (SELECT FROM unnest(lanes) AS l WHERE l.several)) THEN
      SELECT doubtful_in_flight - count(*) INTO doubtful_left FROM (
        SELECT FROM live_delivery d WHERE d.phase = 'placed' AND d.doubt = 2 ORDER BY d.origin LIMIT doubtful_in_flight) u;
    END IF;
    places := places + least(doubtful, doubtful_left);
    EXIT WHEN cardinality(more) < asked OR places >= most;
    asked := most - places;
    reached := (lanes[cardinality(lanes)]).lane;
    wrapped := wrapped OR reached <= begun;
  END LOOP;
END $$;
