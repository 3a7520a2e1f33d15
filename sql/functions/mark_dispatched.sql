-- Gives these deliveries their places, and answers the hints to send to workers: also to those whose hint is lost.
CREATE OR REPLACE FUNCTION mark_dispatched(chosen bigint[], doubts integer[], most integer, redispatch interval)
RETURNS TABLE (seq bigint, epoch integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  lost bigint[]; due tid[];
BEGIN
  lost := ARRAY(SELECT d.seq FROM live_delivery d WHERE d.phase = 'placed' AND d.look_at <= now() AND d.lease_token IS NULL
    ORDER BY d.look_at LIMIT most FOR UPDATE SKIP LOCKED);
  IF chosen IS NULL AND lost = '{}' THEN
    RETURN;
  END IF;
  due := ARRAY(SELECT d.ctid FROM live_delivery d
    WHERE d.seq = ANY (chosen || lost) AND (d.phase = 'ready' OR d.phase = 'placed' AND d.lease_token IS NULL)
    ORDER BY d.seq FOR UPDATE SKIP LOCKED);
  RETURN QUERY
  WITH dispatched AS (
    UPDATE live_delivery d SET phase = 'placed', epoch = d.epoch + 1, look_at = now() + redispatch, due_at = now() + redispatch,
      dispatched_at = CASE d.phase WHEN 'placed' THEN coalesce(d.dispatched_at, now()) ELSE now() END,
      doubt = CASE d.phase WHEN 'placed' THEN d.doubt ELSE doubts[array_position(chosen, d.seq)] END,
      -- To where the endpoint is now: its headers are meant for that host, and its origin is what the caps count.
      url = coalesce((SELECT e.url FROM endpoint e WHERE e.id BETWEEN d.endpoint_id AND d.endpoint_id ORDER BY e.id LIMIT 1), d.url),
      origin = coalesce((SELECT e.origin FROM endpoint e WHERE e.id BETWEEN d.endpoint_id AND d.endpoint_id ORDER BY e.id LIMIT 1), d.origin)
    WHERE d.ctid = ANY (due)
    RETURNING d.seq, d.epoch, d.origin, d.endpoint_id
  ), used AS (
    UPDATE endpoint e SET rate_used_until = greatest(e.rate_used_until, now() - make_interval(secs => greatest(1, 1 / e.rate_per_s)))
      + make_interval(secs => (SELECT count(*) FROM dispatched d WHERE d.endpoint_id = e.id) / e.rate_per_s)
    WHERE e.ctid = ANY (ARRAY(
      SELECT r.ctid FROM (SELECT DISTINCT d.endpoint_id AS id FROM dispatched d WHERE d.endpoint_id IS NOT NULL) h CROSS JOIN LATERAL (
        SELECT e.ctid FROM endpoint e WHERE e.id BETWEEN h.id AND h.id AND e.rate_per_s IS NOT NULL ORDER BY e.id LIMIT 1) r))
  ), asked AS (
    -- Nobody is looked up where every receiver is known to answer.
    INSERT INTO origin (name, asked_at)
    SELECT o.origin, ARRAY[now()] FROM (SELECT DISTINCT d.origin FROM dispatched d) o
    WHERE (2 = ANY (doubts) OR lost <> '{}') AND (SELECT k.proven_at FROM origin k WHERE k.name = o.origin) IS NULL
    ON CONFLICT (name) DO UPDATE SET asked_at = (origin.asked_at || now())[greatest(1, cardinality(origin.asked_at) - 58):]
  )
  SELECT d.seq, d.epoch FROM dispatched d;
END $$;
