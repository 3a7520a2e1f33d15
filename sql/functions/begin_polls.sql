-- Notes the jobs that operations begin to wait for, in the commit in which they do.
CREATE OR REPLACE FUNCTION begin_polls(given json) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  INSERT INTO live_poll AS p (request_id, account_id, rid, type, due_at, target)
  SELECT o.request_id, o.account_id, r.rid, o.type, now() + make_interval(secs => j.after_s), j.target
  FROM json_to_recordset(given) AS g (request_id bigint, job json)
  CROSS JOIN LATERAL json_to_record(g.job) AS j (after_s float8, target text)
  CROSS JOIN LATERAL (SELECT l.* FROM live_operation l WHERE l.request_id = g.request_id LIMIT 1) o
  CROSS JOIN LATERAL (SELECT r.rid FROM operation r WHERE r.request_id = g.request_id LIMIT 1) r
  WHERE g.job IS NOT NULL AND o.awaits = 'poll' AND o.lease_token IS NULL
  -- Where an outage hid that it was done, it is done again.
  ON CONFLICT (request_id) DO UPDATE SET due_at = excluded.due_at, target = excluded.target, lease_token = NULL, lease_until = NULL;
END $$;
