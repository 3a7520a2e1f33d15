-- Most places of an origin that receivers of one account may have which aren't known to answer (doubt 1), or are silent (2).
CREATE OR REPLACE FUNCTION most_of_account(doubt integer, in_flight integer) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$ SELECT greatest(1, in_flight * (3 - doubt) / 5) $$;
