-- Notes that a consumer asks at pull endpoints: within some seconds, so that a row isn't written with every request. One that somebody
-- else is writing is left to them.
CREATE OR REPLACE FUNCTION note_pulled(ids text[]) RETURNS void
LANGUAGE sql AS $$
  UPDATE endpoint e SET pulled_at = now() WHERE e.id = ANY (ARRAY(
    SELECT e.id FROM endpoint e WHERE e.id = ANY (ids) AND e.mode = 'pull' AND e.disabled_at IS NULL
      AND coalesce(e.pulled_at, '-infinity') < now() - pull_slack(e.ephemeral_s)
    ORDER BY e.id FOR UPDATE SKIP LOCKED))
$$;
