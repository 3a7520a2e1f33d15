-- Lets the first of each key into its room, by priority and then by their numbers: they are ready from then on, and those of them that
-- aren't first any more wait again. Of an ordered key those that have begun are before all others. Answers false where somebody else has
-- locked one of these rows, which stays as it is.
CREATE OR REPLACE FUNCTION admit_of_keys(accounts text[], keys text[], rooms integer[], ordereds boolean[]) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  moving bigint[]; due tid[];
BEGIN
  moving := ARRAY(
    SELECT c.request_id FROM unnest(accounts, keys, rooms, ordereds) AS k (account_id, key, room, ordered) CROSS JOIN LATERAL (
      SELECT w.request_id, w.phase, row_number() OVER (ORDER BY k.ordered AND w.flow_place AND w.attempt > 0 DESC, w.priority DESC, w.request_id) <= k.room AS fits
      FROM (
        SELECT o.request_id, o.phase, o.priority, o.attempt, o.flow_place
        -- One after the other, by equality: else rows of other phases may be read.
        FROM unnest(ARRAY['keyed', 'ready', 'offered']) AS s (phase) CROSS JOIN LATERAL (
          SELECT o.* FROM live_operation o
          WHERE o.account_id = k.account_id AND o.flow_key = k.key AND o.flow_place AND o.phase = s.phase OFFSET 0
        ) o
        UNION ALL
        (SELECT o.request_id, o.phase, o.priority, o.attempt, o.flow_place FROM live_operation o
        WHERE o.account_id = k.account_id AND o.flow_key = k.key AND o.phase = 'keyed' AND NOT o.flow_place
        ORDER BY o.account_id, o.flow_key, o.priority DESC, o.request_id LIMIT k.room)
      ) w
    ) c
    WHERE (c.phase = 'keyed') = c.fits);
  IF moving = '{}' THEN
    RETURN true;
  END IF;
  due := ARRAY(SELECT o.ctid FROM live_operation o
    WHERE o.request_id = ANY (moving) AND o.phase IN ('keyed', 'ready', 'offered') AND o.lease_token IS NULL
    ORDER BY o.request_id FOR UPDATE SKIP LOCKED);
  UPDATE live_operation o SET phase = CASE o.phase WHEN 'keyed' THEN ready_phase(o.type) ELSE 'keyed' END, flow_place = true
  WHERE o.ctid = ANY (due);
  RETURN cardinality(due) = cardinality(moving);
END $$;
