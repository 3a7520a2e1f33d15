-- Lets the first of each key into its room, by priority and then by their numbers: they are ready from then on, and those of them that
-- aren't first any more wait again. So do those in `excesses` of the key that have slots already, and haven't started: the last of them.
-- Of an ordered key those that have begun are before all others. Answers false where somebody else has locked one of these rows, which
-- stays as it is: nobody takes a place then that may not be free.
CREATE OR REPLACE FUNCTION admit_of_keys(accounts text[], keys text[], rooms integer[], excesses integer[], ordereds boolean[]) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  entering bigint[]; leaving bigint[]; due tid[];
BEGIN
  SELECT array_agg(c.request_id) FILTER (WHERE c.fits), array_agg(c.request_id) FILTER (WHERE NOT c.fits) INTO entering, leaving
  FROM unnest(accounts, keys, rooms, excesses, ordereds) AS k (account_id, key, room, excess, ordered) CROSS JOIN LATERAL (
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
    UNION ALL
    (SELECT o.request_id, o.phase, false FROM live_operation o
    WHERE o.account_id = k.account_id AND o.flow_key = k.key AND o.flow_place AND o.phase = 'placed' AND o.lease_token IS NULL
    ORDER BY k.ordered AND o.attempt > 0, o.priority, o.request_id DESC LIMIT k.excess)
  ) c
  WHERE (c.phase = 'keyed') = c.fits;
  IF leaving IS NOT NULL THEN
    due := ARRAY(SELECT o.ctid FROM live_operation o
      WHERE o.request_id = ANY (leaving) AND o.phase IN ('ready', 'offered', 'placed') AND o.lease_token IS NULL
      ORDER BY o.request_id FOR UPDATE SKIP LOCKED);
    -- The hint that one of them may have claims nothing any more.
    UPDATE live_operation o SET phase = 'keyed', look_at = least(o.look_at, now()), due_at = least(o.due_at, now()), dispatched_at = NULL
    WHERE o.ctid = ANY (due);
    IF cardinality(due) < cardinality(leaving) THEN
      RETURN false;
    END IF;
  END IF;
  IF entering IS NULL THEN
    RETURN true;
  END IF;
  due := ARRAY(SELECT o.ctid FROM live_operation o
    WHERE o.request_id = ANY (entering) AND o.phase = 'keyed' AND o.lease_token IS NULL
    ORDER BY o.request_id FOR UPDATE SKIP LOCKED);
  UPDATE live_operation o SET phase = ready_phase(o.type), flow_place = true WHERE o.ctid = ANY (due);
  RETURN cardinality(due) = cardinality(entering);
END $$;
