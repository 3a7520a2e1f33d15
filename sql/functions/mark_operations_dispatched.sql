-- Gives these operations their slots, and answers the hints to send to workers: also to those whose hint is lost (`again`), which are
-- the ones that nobody has claimed `patience` after they were due. Before that they may be in a queue that is busy, where another
-- hint would only be in the way.
CREATE OR REPLACE FUNCTION mark_operations_dispatched(chosen bigint[], most integer, redispatch interval, patience interval)
RETURNS TABLE (request_id bigint, epoch integer, again boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  lost bigint[]; due tid[];
BEGIN
  lost := ARRAY(SELECT o.request_id FROM live_operation o
    WHERE o.phase = 'placed' AND o.lease_token IS NULL AND o.look_at <= now() - patience
    ORDER BY o.look_at LIMIT most FOR UPDATE SKIP LOCKED);
  IF chosen IS NULL AND lost = '{}' THEN
    RETURN;
  END IF;
  -- A row that somebody else has locked is left for the next round: nobody else's turn waits for it.
  due := ARRAY(SELECT o.ctid FROM live_operation o
    WHERE o.request_id = ANY (chosen || lost) AND (o.phase = 'ready' OR o.phase = 'placed' AND o.lease_token IS NULL)
    ORDER BY o.request_id FOR UPDATE SKIP LOCKED);
  RETURN QUERY
  WITH dispatched AS (
    UPDATE live_operation o SET phase = 'placed', epoch = o.epoch + 1, look_at = now() + redispatch, due_at = now() + redispatch,
      dispatched_at = CASE o.phase WHEN 'placed' THEN coalesce(o.dispatched_at, now()) ELSE now() END
    WHERE o.ctid = ANY (due)
    RETURNING o.request_id, o.epoch, o.priority
  )
  SELECT d.request_id, d.epoch, d.request_id = ANY (lost) FROM dispatched d ORDER BY d.priority DESC, d.request_id;
END $$;
