CREATE OR REPLACE FUNCTION receiver_of(account_id text, url text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
AS $$
        SELECT (hashtext(account_id)::bigint << 32) | (hashtext(split_part(url, '?', 1))::bigint & 4294967295) | 1
      $$;
