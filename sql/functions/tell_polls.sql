-- Records how far jobs are that operations wait for: what is shown, and where it is `news` an entry of the history. `given` comes in
-- the order of the request ids.
CREATE OR REPLACE FUNCTION tell_polls(given json) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  WITH given AS MATERIALIZED (
    SELECT * FROM json_to_recordset(given) AS g (request_id bigint, progress real, text text, news text)
  ), waiting AS (
    -- Locked before its entry gets its id, so that ids follow the order of the commits.
    SELECT g.* FROM given g JOIN live_operation o USING (request_id)
    WHERE o.request_id = ANY (ARRAY(SELECT g.request_id FROM given g)) AND o.awaits = 'poll' ORDER BY o.request_id FOR UPDATE OF o
  ), told AS (
    UPDATE live_operation o SET progress = w.progress, status_text = w.text
    FROM waiting w WHERE o.request_id = ANY (ARRAY(SELECT w.request_id FROM waiting w)) AND o.request_id = w.request_id
  )
  INSERT INTO history_entry (operation_id, kind, progress, text)
  SELECT w.request_id, w.news, CASE w.news WHEN 'progress' THEN w.progress END, w.text FROM waiting w WHERE w.news IS NOT NULL;
END $$;
