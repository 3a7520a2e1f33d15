-- Records what running handlers have told, progress and lines, of operations whose lease is still the caller's. Answers each with
-- the progress that stands now: another process may have told it. `reports` come in the order of the request ids.
CREATE OR REPLACE FUNCTION report_progress(reports json)
RETURNS TABLE (request_id bigint, progress real)
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH report AS MATERIALIZED (
    SELECT * FROM json_to_recordset(reports) AS r (request_id bigint, token uuid, progress real, text text, entries json)
  ), held AS (
    -- Locked before its entries get their ids, so that these follow the order of the commits.
    SELECT r.*, coalesce(r.progress, o.progress) AS stands, coalesce(r.text, o.status_text, 'Executing...') AS said FROM report r JOIN live_operation o USING (request_id)
    WHERE o.request_id = ANY (ARRAY(SELECT r.request_id FROM report r)) AND o.lease_token = r.token
    ORDER BY o.request_id FOR UPDATE OF o
  ), told AS (
    UPDATE live_operation o SET progress = h.stands, status_text = h.said
    FROM held h WHERE o.request_id = ANY (ARRAY(SELECT h.request_id FROM held h)) AND o.request_id = h.request_id AND (h.text IS NOT NULL OR h.progress IS NOT NULL)
  ), noted AS (
    INSERT INTO history_entry (operation_id, kind, progress, text)
    SELECT h.request_id, e.kind, CASE e.kind WHEN 'progress' THEN coalesce(e.progress, h.stands) END, coalesce(e.text, h.said)
    FROM held h CROSS JOIN LATERAL json_to_recordset(h.entries) AS e (kind text, progress real, text text)
  )
  SELECT h.request_id, h.stands FROM held h;
END $$;
