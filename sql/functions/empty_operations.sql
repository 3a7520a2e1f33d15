-- Deletes what was given to ended operations and what came of it, and the bytes of their deliveries: that they were, how they ended and
-- what was delivered stays. Within a transaction that has locked their ends.
CREATE OR REPLACE FUNCTION empty_operations(ids bigint[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  UPDATE operation_end e SET result = NULL, custom = NULL, file_id = NULL, emptied_at = coalesce(e.emptied_at, now()) WHERE e.request_id = ANY (ids);
  -- Whose a request of the gateway was says who may read how it ended.
  UPDATE operation o SET callback_headers = NULL, input = CASE o.face WHEN 'bgrs' THEN json_build_object('user_id', o.input::json -> 'user_id')::text END
  WHERE o.request_id = ANY (ids) AND (o.input IS NOT NULL OR o.callback_headers IS NOT NULL);
  UPDATE delivery d SET body = '', headers = NULL WHERE d.home = ANY (ids) AND (d.body <> '' OR d.headers IS NOT NULL);
  UPDATE attempt a SET response_body = NULL WHERE a.home = ANY (ids) AND a.response_body IS NOT NULL;
  DELETE FROM completion c WHERE c.operation_id = ANY (ids);
  DELETE FROM file_use u WHERE u.operation_id = ANY (ids);
  -- Stored by a run that had lost its lease, while another one ended the operation.
  UPDATE file f SET expires_at = now() WHERE f.operation_id = ANY (ids) AND f.expires_at IS NULL;
END $$;
