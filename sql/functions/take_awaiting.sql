-- Leases up to `most` operations to the caller that await this and need somebody now: a poll that is due, and what awaits a completion
-- that has come, while whoever brought it has gone, or that comes no more. None for the silence of its worker before somebody has looked
-- whether there was an outage. What somebody else has still, or had and gave up without a word, is put off to its time. Where that is
-- within a third of a lease, as after an outage, it is looked at before: with no look in between, the next one would take the time
-- since this one for another outage, and spare for ever what nobody renews.
CREATE OR REPLACE FUNCTION take_awaiting(what text, most integer, lease interval)
RETURNS TABLE (operation operation, live live_operation)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
  SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  due bigint[];
BEGIN
  PERFORM spare_leases(0, lease);
  due := ARRAY(SELECT o.request_id FROM live_operation o WHERE o.awaits = what AND o.look_at <= now()
    ORDER BY o.look_at LIMIT most FOR UPDATE SKIP LOCKED);
  IF due = '{}' THEN
    RETURN;
  END IF;
  UPDATE live_operation o SET look_at = CASE WHEN o.due_at <= now() + lease / 3 THEN least(o.due_at, now() + lease / 6) ELSE o.due_at END
  WHERE o.request_id = ANY (due) AND o.due_at > now();
  UPDATE live_operation o SET look_at = c.until, due_at = c.until, lease_token = NULL
  FROM unnest(due) AS d (request_id) CROSS JOIN LATERAL (
    SELECT max(c.expires_at) AS until FROM completion c WHERE c.operation_id = d.request_id HAVING bool_and(c.digest IS NULL)
  ) c
  WHERE what = 'completion' AND o.request_id = ANY (due) AND o.request_id = d.request_id AND o.due_at <= now() AND c.until > now();
  RETURN QUERY
  WITH taken AS (
    -- Who had it has died in its run.
    UPDATE live_operation o SET attempt = o.attempt + CASE WHEN what = 'poll' AND o.lease_token IS NOT NULL THEN 1 ELSE 0 END,
      lease_token = gen_random_uuid(), look_at = now() + lease, due_at = now() + lease
    WHERE o.request_id = ANY (due) AND o.due_at <= now() RETURNING o, o.request_id
  )
  SELECT r.operation, t.o FROM taken t CROSS JOIN LATERAL (SELECT r AS operation FROM operation r WHERE r.request_id = t.request_id LIMIT 1) r;
END $$;
