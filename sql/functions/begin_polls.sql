-- Notes the jobs that these operations wait for; those whose result is there already (`after_s` is null) are not polled.
CREATE OR REPLACE FUNCTION begin_polls(given json) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO live_poll AS p (request_id, account_id, rid, type, due_at, target)
  SELECT g.request_id, g.account_id, g.rid, g.type, coalesce(now() + make_interval(secs => g.after_s), 'infinity'), g.target
  FROM json_to_recordset(given) AS g (request_id bigint, account_id text, rid text, type text, after_s float8, target text)
  ORDER BY g.request_id
  ON CONFLICT (request_id) DO UPDATE SET due_at = excluded.due_at, target = excluded.target, lease_token = NULL, lease_until = NULL
$$;
