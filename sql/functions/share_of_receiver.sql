-- How much a receiver is doubted (0: it is known to answer, 1: not known, 2: silent, or of an origin that is unproven), how many more
-- attempts it may have, and how many more the doubted ones of its account, and of all accounts, may have at its origin. One that
-- answers leaves a fifth to the others, where there are others.
CREATE OR REPLACE FUNCTION share_of_receiver(
  named text, receives bigint, pays bigint, target text, proven boolean, others boolean, closed boolean, flying integer, cap integer, in_flight integer)
RETURNS TABLE (doubt integer, share integer, mine integer, everyone integer)
LANGUAGE sql STABLE AS $$
  SELECT j.doubt, CASE WHEN j.doubt = 0 THEN in_flight - CASE WHEN others THEN in_flight / 5 ELSE 0 END - j.own
      WHEN j.rests_until > now() OR (j.doubt = 2 AND closed) THEN 0
      ELSE least(1 - j.own, j.mine, j.everyone) END, j.mine, j.everyone
  FROM (
    SELECT d.doubt, d.rests_until, c.own, most_of_account(d.doubt, in_flight) - c.mine AS mine, most_of_origin(d.doubt, in_flight) - c.doubted AS everyone
    FROM (
      SELECT CASE WHEN NOT proven THEN 2 WHEN k.answers THEN 0 WHEN k.answers IS NULL THEN 1 ELSE 2 END AS doubt, k.rests_until
      FROM (VALUES (1)) one LEFT JOIN LATERAL (
        SELECT k.answers, k.rests_until FROM receiver k WHERE k.lane = named AND k.receiver = receives LIMIT 1) k ON true OFFSET 0
    ) d CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE d.lane = named AND d.receiver = receives)::integer AS own,
        count(*) FILTER (WHERE d.doubt > 0 AND hashtext(d.account_id) = pays)::integer AS mine, count(*) FILTER (WHERE d.doubt > 0)::integer AS doubted
      FROM (SELECT d.lane, d.receiver, d.doubt, d.account_id FROM live_delivery d
        WHERE flying > 0 AND d.origin = target AND d.phase = 'placed' ORDER BY d.origin LIMIT cap) d
    ) c OFFSET 0
  ) j
$$;
