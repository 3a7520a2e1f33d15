-- Places for polls at origins that their jobs have led to: one at each that has never answered 2xx, as take_origin_place gives them to
-- runs, and as many as there are polls at the others (`proven`). Answers those that may ask now. A place ends with its poll's lease.
CREATE OR REPLACE FUNCTION take_poll_places(given json) RETURNS TABLE (request_id bigint, proven boolean)
LANGUAGE plpgsql AS $$
DECLARE
  wanted record;
BEGIN
  -- What a crash forgets of it was a poll's, which is forgotten as well, so nobody waits for the disk.
  PERFORM set_config('synchronous_commit', 'off', true);
  -- In one order: none waits for another in a circle.
  FOR wanted IN
    SELECT g.origin, array_agg(g.request_id) AS ids, array_agg(g.token) AS tokens
    FROM json_to_recordset(given) AS g (origin text, request_id bigint, token uuid) GROUP BY g.origin ORDER BY g.origin
  LOOP
    IF (SELECT o.proven_at FROM origin o WHERE o.name = wanted.origin) IS NOT NULL THEN
      RETURN QUERY SELECT i.id, true FROM unnest(wanted.ids) AS i (id);
    ELSIF take_origin_place(wanted.origin, wanted.ids[1], wanted.tokens[1], 1) THEN
      RETURN QUERY SELECT wanted.ids[1], false;
    END IF;
  END LOOP;
END $$;
