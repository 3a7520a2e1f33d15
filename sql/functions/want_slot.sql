-- Where an account has an operation of one of these types offered that stands before all that are ready, asks dispatch to leave the next
-- slot to it: else those would always be first. Answers whether it has any offered.
CREATE OR REPLACE FUNCTION want_slot(types text[], account text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  offered record; ready record;
BEGIN
  SELECT f.request_id, f.priority INTO offered FROM unnest(types) AS n (type) CROSS JOIN LATERAL first_offered(n.type, account) f
  ORDER BY f.priority DESC, f.request_id LIMIT 1;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  SELECT o.request_id, o.priority INTO ready FROM live_operation o WHERE o.account_id = account AND o.phase = 'ready'
  ORDER BY o.account_id, o.priority DESC, o.request_id LIMIT 1;
  IF NOT FOUND OR (-offered.priority, offered.request_id) < (-ready.priority, ready.request_id) THEN
    -- Longer than between two looks of a worker that waits; not written with every one.
    INSERT INTO slot_wanted AS s (account_id, until) VALUES (account, now() + interval '3 seconds')
    ON CONFLICT (account_id) DO UPDATE SET until = EXCLUDED.until WHERE s.until < now() + interval '2 seconds';
  END IF;
  RETURN true;
END $$;
