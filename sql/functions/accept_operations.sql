-- Stores new operations, each with its idempotency key, the files it may read and its live row, in one commit, and reserves a slot
-- where one is free: `accounts` are those of what is due now, `max_dispatched` may be dispatched in all (0: none here). Those whose types
-- are `declared` (null: none) get no slot: they are offered to remote workers; what has a flow key waits for that. Answers those that were stored: one whose key is taken is not.
CREATE OR REPLACE FUNCTION accept_operations(given json, keys json, accounts text[], max_dispatched integer, redispatch interval, declared text[])
RETURNS TABLE (rid text, request_id bigint, created_at timestamptz, due_at timestamptz, phase text, epoch integer, silent_until timestamptz)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  kept text[]; roomy text[]; frees integer[]; places integer;
BEGIN
  IF keys IS NOT NULL THEN
    WITH kept AS (
      INSERT INTO idempotency_key (account_id, key, fingerprint, rid, expires_at)
      SELECT k.account_id, k.key, k.fingerprint, k.rid, now() + interval '24 hours'
      FROM json_to_recordset(keys) AS k (account_id text, key text, fingerprint text, rid text)
      ORDER BY k.account_id, k.key ON CONFLICT DO NOTHING RETURNING rid
    )
    SELECT array_agg(k.rid) INTO kept FROM kept k;
  END IF;
  IF declared IS NOT NULL THEN
    -- None is deleted while operations of it are accepted. Of one that is gone by now no remote worker asks any more.
    declared := ARRAY(SELECT t.name FROM operation_type t WHERE t.name = ANY (declared) ORDER BY t.name FOR KEY SHARE);
  END IF;
  -- After the keys: another that takes the same one may be waited for, and a dispatch not because of that.
  IF max_dispatched > 0 THEN
    SELECT array_agg(f.account_id), array_agg(f.free), max(f.places) INTO roomy, frees, places FROM free_slots(accounts, max_dispatched) f;
  END IF;
  RETURN QUERY
  WITH incoming AS MATERIALIZED (
    SELECT * FROM ROWS FROM (json_to_recordset(given) AS (
      rid text, account_id text, type text, face text, input text, callback_url text, callback_headers text, correlation text,
      priority smallint, retention text, tries integer, timeout_s float8, run_at timestamptz, rerun_of text, silent_s float8,
      traceparent text, ack_by_poll boolean, callback_thin_over integer, schedule_id text, tick timestamptz, keyed boolean, files text[], flow_key text, flow text
    )) WITH ORDINALITY AS i (rid, account_id, type, face, input, callback_url, callback_headers, correlation,
      priority, retention, tries, timeout_s, run_at, rerun_of, silent_s, traceparent, ack_by_poll, callback_thin_over, schedule_id, tick, keyed, files, flow_key, flow, nth)
  ), admitted AS MATERIALIZED (
    SELECT i.*, nextval('record_id') AS request_id, coalesce(i.run_at <= now(), true) AS due FROM incoming i
    WHERE NOT i.keyed OR i.rid = ANY (kept) ORDER BY i.nth
  ), fitting AS (
    SELECT a.request_id, row_number() OVER (ORDER BY a.nth_of_account, a.nth) AS nth FROM (
      SELECT a.request_id, a.account_id, a.nth, row_number() OVER (PARTITION BY a.account_id ORDER BY a.priority DESC, a.nth) AS nth_of_account
      FROM admitted a WHERE a.due AND (a.type = ANY (declared)) IS NOT TRUE AND a.flow_key IS NULL
    ) a JOIN unnest(roomy, frees) AS f (account_id, free) USING (account_id) WHERE a.nth_of_account <= f.free
  ), accepted AS (
    INSERT INTO operation (request_id, rid, account_id, type, face, input, callback_url, callback_headers, callback_thin_over, correlation,
      priority, retention, tries, timeout_s, run_at, rerun_of, ack_by_poll, traceparent, schedule_id, tick, flow)
    SELECT a.request_id, a.rid, a.account_id, a.type, a.face, a.input, a.callback_url, a.callback_headers, a.callback_thin_over, a.correlation,
      a.priority, a.retention, a.tries, a.timeout_s, a.run_at, a.rerun_of, a.ack_by_poll, a.traceparent, a.schedule_id, a.tick, a.flow FROM admitted a
  ), live AS (
    INSERT INTO live_operation (request_id, account_id, type, priority, tries, run_at, silent_until, flow_key, phase, epoch, look_at, due_at, dispatched_at)
    SELECT a.request_id, a.account_id, a.type, a.priority, a.tries, a.run_at, now() + make_interval(secs => a.silent_s), a.flow_key,
      CASE WHEN s.slot THEN 'placed' WHEN NOT a.due THEN 'scheduled' WHEN a.type = ANY (declared) THEN 'offered' ELSE 'ready' END, s.slot::integer, n.next, n.next, CASE WHEN s.slot THEN now() END
    FROM admitted a
    CROSS JOIN LATERAL (SELECT a.request_id IN (SELECT f.request_id FROM fitting f WHERE f.nth <= places) AS slot) s
    CROSS JOIN LATERAL (SELECT CASE WHEN s.slot THEN now() + redispatch WHEN a.due THEN now() ELSE a.run_at END AS next) n
    RETURNING request_id, due_at, phase, epoch, silent_until
  ), used AS (
    INSERT INTO file_use (operation_id, file_id)
    SELECT a.request_id, f.id
    FROM admitted a CROSS JOIN LATERAL unnest(a.files) AS n (file_id)
    CROSS JOIN LATERAL (SELECT f.id FROM file f WHERE f.id = n.file_id LIMIT 1) f
  ), booked AS (
    INSERT INTO ledger_entry (accepted) SELECT count(*) FROM admitted HAVING count(*) > 0
  )
  SELECT a.rid, a.request_id, now(), l.due_at, CASE l.phase WHEN 'placed' THEN 'dispatched' ELSE l.phase END, l.epoch, l.silent_until
  FROM admitted a JOIN live l USING (request_id);
END $$;
