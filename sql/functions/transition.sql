-- A line of an operation's transitions: JSON array of entry id, time (seconds since 1970), state, progress, text, stack.
CREATE OR REPLACE FUNCTION transition(state text, told text, progress real DEFAULT NULL, stack text DEFAULT NULL) RETURNS text
LANGUAGE sql VOLATILE AS $$
  SELECT json_build_array(nextval('entry_id'), extract(epoch FROM clock_timestamp()), state, progress, told, stack)::text
$$;
