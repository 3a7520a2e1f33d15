-- A place for a run of http.request at the origin that it calls, `most` at once; false where there is none. An origin that has never
-- answered 2xx is asked as callbacks ask it: one at once, and 60 a minute. A place ends with its run's lease, or with its poll's.
CREATE OR REPLACE FUNCTION take_origin_place(wanted text, operation bigint, token uuid, most integer) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  known origin%ROWTYPE;
  at_once integer;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(wanted, 7164225005));
  DELETE FROM origin_call c WHERE c.origin = wanted
    AND NOT EXISTS (SELECT FROM live_operation o WHERE o.request_id = c.request_id AND o.lease_token = c.lease_token)
    AND (SELECT true FROM live_poll p WHERE p.request_id = c.request_id AND p.lease_token = c.lease_token AND p.lease_until > now()) IS NULL;
  SELECT count(*) INTO at_once FROM origin_call c WHERE c.origin = wanted AND c.request_id <> operation;
  SELECT * INTO known FROM origin WHERE name = wanted;
  IF known.proven_at IS NULL THEN
    IF at_once > 0 OR (SELECT count(*) FROM unnest(known.asked_at) AS a (at) WHERE a.at > now() - interval '1 minute') >= 60 THEN
      RETURN false;
    END IF;
    INSERT INTO origin AS o (name, asked_at) VALUES (wanted, ARRAY[now()])
    ON CONFLICT (name) DO UPDATE SET asked_at = (o.asked_at || now())[greatest(1, cardinality(o.asked_at) - 58):];
  ELSIF at_once >= most THEN
    RETURN false;
  END IF;
  INSERT INTO origin_call AS c (request_id, lease_token, origin) VALUES (operation, token, wanted)
  ON CONFLICT (request_id) DO UPDATE SET lease_token = token, origin = wanted;
  RETURN true;
END $$;
