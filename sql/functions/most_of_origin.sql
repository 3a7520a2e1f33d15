-- As most_of_account, of all accounts together.
CREATE OR REPLACE FUNCTION most_of_origin(doubt integer, in_flight integer) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$ SELECT greatest(1, in_flight * (6 - 2 * doubt) / 5) $$;
