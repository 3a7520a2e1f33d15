-- Which of the callbacks that ends make now may be attempted at once, with the token for each and the doubt of its receiver. The rules are the dispatcher's: an origin has `in_flight` places; one receiver that answers leaves a fifth of them to
-- others, where there are others; one that isn't known yet gets one, its account two fifths, and all of them four fifths.
-- Takes the dispatcher's lock without waiting and counts with a snapshot from after it, as free_slots does. Nothing is begun at an
-- origin that was never proven, or where callbacks wait.
CREATE OR REPLACE FUNCTION first_attempts(starts json, in_flight integer)
RETURNS TABLE (request_id bigint, token uuid, doubt integer)
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  IF NOT pg_try_advisory_xact_lock(7164225003) THEN
    RETURN;
  END IF;
  RETURN QUERY
  WITH start AS MATERIALIZED (
    SELECT s.request_id, s.token, s.origin, s.nth, receiver_of(s.account_id, s.url) AS receiver
    FROM ROWS FROM (json_to_recordset(starts) AS (request_id bigint, token uuid, account_id text, origin text, url text))
      WITH ORDINALITY AS s (request_id, token, account_id, origin, url, nth)
  ), open AS MATERIALIZED (
    SELECT k.name, in_flight - CASE WHEN k.receiver = '' THEN in_flight / 5 ELSE 0 END AS most_of_one, f.flying, f.doubting
    FROM (SELECT DISTINCT s.origin AS name FROM start s) g
    CROSS JOIN LATERAL (SELECT k.name, k.receiver, k.proven_at, k.rests_until FROM origin k WHERE k.name = g.name LIMIT 1) k
    CROSS JOIN LATERAL (
      SELECT coalesce(array_agg(d.receiver), '{}') AS flying, coalesce(array_agg(hashtext(d.account_id)::bigint) FILTER (WHERE d.doubt > 0), '{}') AS doubting
      FROM (
        SELECT d.receiver, d.account_id, d.doubt FROM live_delivery d
        WHERE d.origin = k.name AND d.phase = 'placed' ORDER BY d.origin LIMIT in_flight
      ) d
    ) f
    WHERE k.proven_at IS NOT NULL AND (k.rests_until <= now()) IS NOT FALSE
      AND (SELECT d.seq FROM live_delivery d WHERE d.origin = k.name AND d.phase = 'ready' ORDER BY d.origin, d.seq LIMIT 1) IS NULL
  ), asked AS (
    SELECT a.request_id, a.token, a.nth, a.origin, a.receiver >> 32 AS payer, o.flying, o.doubting, k.doubt,
      CASE k.doubt WHEN 0 THEN o.most_of_one WHEN 1 THEN 1 ELSE 0 END - cardinality(array_positions(o.flying, a.receiver)) AS share,
      row_number() OVER (PARTITION BY a.origin, a.receiver ORDER BY a.nth) AS of_receiver
    FROM start a JOIN open o ON o.name = a.origin
    CROSS JOIN LATERAL (
      SELECT CASE (SELECT k.answers FROM receiver k WHERE k.lane = a.origin AND k.receiver = a.receiver LIMIT 1) WHEN true THEN 0 WHEN false THEN 2 ELSE 1 END AS doubt
    ) k
  ), shared AS (
    SELECT a.*, row_number() OVER (PARTITION BY a.origin, a.doubt, a.payer ORDER BY a.nth) AS of_account,
      row_number() OVER (PARTITION BY a.origin, a.doubt ORDER BY a.nth) AS of_doubt
    FROM asked a WHERE a.of_receiver <= a.share
  ), fitting AS (
    SELECT s.*, row_number() OVER (PARTITION BY s.origin ORDER BY s.nth) AS of_origin FROM shared s
    WHERE s.doubt = 0 OR (s.of_account <= greatest(1, in_flight * 2 / 5) - cardinality(array_positions(s.doubting, s.payer))
      AND s.of_doubt <= greatest(1, in_flight * 4 / 5) - cardinality(s.doubting))
  )
  SELECT f.request_id, f.token, f.doubt FROM fitting f WHERE f.of_origin <= in_flight - cardinality(f.flying);
END $$;
