-- The class of what went wrong with an attempt: `http_5xx` and the like where it was answered, else the code that its text begins with.
CREATE OR REPLACE FUNCTION error_class(status integer, error text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN error ~ '^[a-z_]+(:|$)' THEN split_part(error, ':', 1) WHEN status BETWEEN 300 AND 599 THEN 'http_' || status / 100 || 'xx' ELSE 'unknown' END
$$;
