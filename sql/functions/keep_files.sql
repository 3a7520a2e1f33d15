-- What the runs of ended operations stored lives as long as they do.
CREATE OR REPLACE FUNCTION keep_files(endings json, ids bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE file f SET expires_at = e.expires_at
  FROM json_to_recordset(endings) AS e (request_id bigint, expires_at timestamptz)
  WHERE f.operation_id = ANY (ids) AND f.operation_id = e.request_id AND f.phase = 'stored';
END $$;
