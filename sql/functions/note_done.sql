-- What the callers of the gateway wait for in the details: behind the transition, so that it is the last.
CREATE OR REPLACE FUNCTION note_done(endings json, ids bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO history_entry (operation_id, kind, text)
  SELECT e.request_id, 'log', 'done' FROM json_to_recordset(endings) AS e (request_id bigint, face text)
  WHERE e.face = 'bgrs' AND e.request_id = ANY (ids);
END $$;
