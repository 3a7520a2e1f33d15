-- Where an operation of this type waits that may run now: for a slot, or, of a declared type, for a remote worker that asks.
CREATE OR REPLACE FUNCTION ready_phase(type text) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN (SELECT t.name FROM operation_type t WHERE t.name = ready_phase.type) IS NULL THEN 'ready' ELSE 'offered' END
$$;
