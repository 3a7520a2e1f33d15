-- Adds the records that came since the last time to the stats, at most `most` of each kind, in one commit, and answers whether there
-- may be more. Bounds are notes of the last numbers that were given. Whatever took one of them has committed or never will once all
-- transactions are over that had begun by then: an accept takes its number before it is seen as one, but within 30 s, as no statement
-- runs longer. So every record is counted once, and none is passed over. A transaction that is open for ten minutes is not waited
-- for: it is none of the service's. Where somebody else adds up, this does nothing.
CREATE OR REPLACE FUNCTION add_up_stats(most integer, minutes_kept interval) RETURNS boolean
LANGUAGE plpgsql SET enable_seqscan = off SET work_mem = '32MB' SET jit = off AS $$
#variable_conflict use_column
DECLARE
  r stats_reached; given bigint; fed bigint; upto bigint; upto_feed bigint; counted integer;
BEGIN
  SELECT * INTO r FROM stats_reached FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF r.request_id = r.next_request_id AND r.feed_id = r.next_feed_id THEN
    SELECT last_value - (NOT is_called)::integer INTO given FROM record_id;
    SELECT last_value - (NOT is_called)::integer INTO fed FROM feed_id;
    IF given > r.request_id OR fed > r.feed_id THEN
      UPDATE stats_reached SET next_request_id = greatest(given, r.request_id), next_feed_id = greatest(fed, r.feed_id), noted_at = clock_timestamp(),
        noted_before = pg_current_xact_id()::text::bigint;
    END IF;
    RETURN false;
  ELSIF r.noted_at > now() - interval '30 s' THEN
    RETURN false;
  ELSIF pg_snapshot_xmin(pg_current_snapshot())::text::bigint < r.noted_before AND r.noted_at > now() - interval '10 min' THEN
    RETURN false;
  END IF;
  -- Numbers jump from one partition to the next, so they are counted off; those of the feed don't.
  SELECT max(o.request_id), count(*) INTO upto, counted
  FROM (SELECT o.request_id FROM operation o WHERE o.request_id > r.request_id AND o.request_id <= r.next_request_id ORDER BY o.request_id LIMIT most) o;
  IF counted < most THEN
    upto := r.next_request_id;
  END IF;
  upto_feed := least(r.feed_id + most, r.next_feed_id);
  INSERT INTO stats (account_id, step, what, at, value, count)
  SELECT n.account_id, n.step, n.what, n.at, n.value, n.count FROM (
    SELECT a.account_id, s.step, c.what, date_bin(make_interval(secs => s.step), c.at, 'epoch') AS at, c.value, sum(c.count) AS count,
      row_number() OVER (PARTITION BY a.account_id, s.step, c.what, date_bin(make_interval(secs => s.step), c.at, 'epoch') ORDER BY sum(c.count) DESC) AS nth
    FROM (
      SELECT * FROM operation_stats(NULL, r.request_id, upto, r.feed_id, upto_feed)
      UNION ALL SELECT * FROM delivery_stats(NULL, r.feed_id, upto_feed)
    ) c
    CROSS JOIN (VALUES (60), (3600)) AS s (step)
    CROSS JOIN LATERAL (VALUES (c.account_id), ('*')) AS a (account_id)
    WHERE s.step = 3600 OR c.at > now() - minutes_kept
    GROUP BY 1, 2, 3, 4, 5
  ) n
  -- Codes and origins are as many as somebody makes: the frequent ones are shown. No other kind has so many.
  WHERE n.nth <= 250
  ON CONFLICT (account_id, step, what, at, value) DO UPDATE SET count = stats.count + excluded.count;
  UPDATE stats_reached SET request_id = upto, feed_id = upto_feed;
  RETURN true;
END $$;
