-- Stores new operations, each with its idempotency key, the files it may read and the first entry of its history, in one commit.
-- Answers those that were stored: one whose key is taken is not.
CREATE OR REPLACE FUNCTION accept_operations(given json)
RETURNS TABLE (rid text, request_id bigint, created_at timestamptz, due_at timestamptz, phase text, callback_url text, silent_until timestamptz)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH incoming AS MATERIALIZED (
    SELECT * FROM ROWS FROM (json_to_recordset(given) AS (
      rid text, account_id text, type text, face text, input text, callback_url text, callback_headers text, correlation text,
      priority smallint, retention text, tries integer, timeout_s float8, run_at timestamptz, rerun_of text, silent_s float8,
      traceparent text, ack_by_poll boolean, key text, fingerprint text, files text[]
    )) WITH ORDINALITY AS i (rid, account_id, type, face, input, callback_url, callback_headers, correlation,
      priority, retention, tries, timeout_s, run_at, rerun_of, silent_s, traceparent, ack_by_poll, key, fingerprint, files, place)
  ), kept AS (
    INSERT INTO idempotency_key (account_id, key, fingerprint, rid, expires_at)
    SELECT i.account_id, i.key, i.fingerprint, i.rid, now() + interval '24 hours' FROM incoming i WHERE i.key IS NOT NULL
    ORDER BY i.account_id, i.key ON CONFLICT DO NOTHING RETURNING rid
  ), accepted AS (
    INSERT INTO operation (rid, account_id, type, face, input, callback_url, callback_headers, correlation, priority,
      retention, tries, timeout_s, run_at, rerun_of, silent_until, traceparent, ack_by_poll, state, phase, status_text, due_at)
    SELECT i.rid, i.account_id, i.type, i.face, i.input, i.callback_url, i.callback_headers, i.correlation, i.priority,
      i.retention, i.tries, i.timeout_s, i.run_at, i.rerun_of, now() + make_interval(secs => i.silent_s), i.traceparent, i.ack_by_poll,
      'Waiting', CASE WHEN i.run_at > now() THEN 'scheduled' ELSE 'ready' END, 'Waiting...', greatest(i.run_at, now())
    FROM incoming i WHERE i.key IS NULL OR i.rid IN (SELECT k.rid FROM kept k) ORDER BY i.place
    RETURNING rid, request_id, created_at, due_at, phase, callback_url, silent_until
  ), used AS (
    INSERT INTO file_use (operation_id, file_id)
    SELECT a.request_id, f.id
    FROM incoming i CROSS JOIN LATERAL unnest(i.files) AS n (file_id)
    JOIN accepted a USING (rid)
    CROSS JOIN LATERAL (SELECT f.id FROM file f WHERE f.id = n.file_id LIMIT 1) f
  ), booked AS (
    INSERT INTO ledger_entry (accepted, destined) SELECT count(*), count(a.callback_url) FROM accepted a HAVING count(*) > 0
  ), noted AS (
    INSERT INTO history_entry (operation_id, kind, state, text) SELECT a.request_id, 'transition', 'Waiting', 'Accepted' FROM accepted a
  )
  SELECT * FROM accepted;
END $$;
