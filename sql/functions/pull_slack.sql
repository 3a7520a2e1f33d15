-- By how much the note of when an endpoint was pulled last may be behind.
CREATE OR REPLACE FUNCTION pull_slack(ephemeral_s integer) RETURNS interval
LANGUAGE sql IMMUTABLE AS $$
  SELECT make_interval(secs => least(5, ephemeral_s / 10.0))
$$;
