-- Where a delivery that is made for an endpoint begins: ready at once, paused until its endpoint is enabled, or held until a consumer of
-- its pull endpoint asks for it.
CREATE OR REPLACE FUNCTION live_phase(paused boolean, mode text, OUT phase text, OUT due_at timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN mode = 'pull' THEN 'held' WHEN paused THEN 'paused' ELSE 'ready' END, CASE WHEN paused OR mode = 'pull' THEN 'infinity' ELSE now() END
$$;
