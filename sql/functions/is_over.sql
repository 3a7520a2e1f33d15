-- Whether an ephemeral endpoint is to be deleted: never sooner than its time, whatever its note of the last pull is behind.
CREATE OR REPLACE FUNCTION is_over(e endpoint) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT coalesce(coalesce(e.pulled_at, e.created_at) + make_interval(secs => e.ephemeral_s) + pull_slack(e.ephemeral_s) + interval '2 s' < now(), false)
$$;
