-- Where a lane's deliveries go, what that origin is known for, how many more may be in flight of the lane, and how many to the origin
-- in all. `closed`: those that are unproven have no place left, wherever they are.
CREATE OR REPLACE FUNCTION limits_of_lane(named text, in_flight integer, closed boolean)
RETURNS TABLE (origin text, proven boolean, shared boolean, payer bigint, free integer, cap integer)
LANGUAGE sql STABLE AS $$
  SELECT coalesce(e.origin, named), k.proven_at IS NOT NULL, k.receiver = '', e.payer,
    least(CASE WHEN e.max_in_flight IS NULL THEN in_flight ELSE e.max_in_flight - (SELECT count(*)::integer FROM (
      SELECT FROM live_delivery d WHERE d.lane = named AND d.phase = 'placed' AND d.endpoint_id IS NOT NULL
      ORDER BY d.lane LIMIT e.max_in_flight) c)
    END, e.allowance),
    -- Unproven: one at once and 60 a minute.
    CASE WHEN k.rests_until > now() THEN 0 WHEN k.proven_at IS NOT NULL THEN in_flight
      WHEN closed OR (cardinality(k.asked_at) = 60 AND k.asked_at[1] > now() - interval '1 minute') THEN 0 ELSE 1 END
  FROM (VALUES (1)) one LEFT JOIN LATERAL (
    -- What the rate allows now, at most a second's worth at once. (The name of an origin is no endpoint's id.)
    SELECT e.origin, e.max_in_flight, hashtext(e.account_id)::bigint AS payer, CASE WHEN e.rate_per_s IS NOT NULL THEN floor(least(extract(epoch FROM
      now() - greatest(e.rate_used_until, now() - interval '1 day')) * e.rate_per_s, greatest(e.rate_per_s, 1)))::integer END AS allowance
    FROM endpoint e WHERE e.id BETWEEN named AND named AND position('://' IN named) = 0 ORDER BY e.id LIMIT 1
  ) e ON true LEFT JOIN LATERAL (
    SELECT k.proven_at, k.rests_until, k.asked_at, k.receiver FROM origin k WHERE k.name = coalesce(e.origin, named) LIMIT 1
  ) k ON true OFFSET 0
$$;
