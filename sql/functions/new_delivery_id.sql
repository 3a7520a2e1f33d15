-- An id of a delivery that is made here and not by the caller.
CREATE OR REPLACE FUNCTION new_delivery_id() RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT 'dlv_' || replace(gen_random_uuid()::text, '-', '') $$;
