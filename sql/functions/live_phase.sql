-- Where a delivery that is made for an endpoint begins: ready at once, or paused until its endpoint is enabled.
CREATE OR REPLACE FUNCTION live_phase(paused boolean, OUT phase text, OUT due_at timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN paused THEN 'paused' ELSE 'ready' END, CASE WHEN paused THEN 'infinity' ELSE now() END
$$;
