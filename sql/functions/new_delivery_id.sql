-- An id of a delivery that is made here and not by the caller: as randomId makes them, the time in front.
CREATE OR REPLACE FUNCTION new_delivery_id() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT 'dlv_' || lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || right(replace(gen_random_uuid()::text, '-', ''), 20)
$$;
