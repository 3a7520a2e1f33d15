-- Deletes operations in whatever state and all that is known of them, and books it. A worker that runs one finds its lease lost. What
-- ends or is made owed again meanwhile is waited for, in the order in which all take their locks, and then deleted as well.
CREATE OR REPLACE FUNCTION remove_operations(ids bigint[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  seqs bigint[];
BEGIN
  PERFORM FROM live_operation o WHERE o.request_id = ANY (ids) ORDER BY o.request_id FOR UPDATE;
  PERFORM FROM operation_end e WHERE e.request_id = ANY (ids) ORDER BY e.request_id FOR UPDATE;
  seqs := ARRAY(SELECT d.seq FROM delivery d WHERE d.home = ANY (ids));
  PERFORM remove_deliveries(ids, seqs);
  WITH live AS (
    DELETE FROM live_operation o WHERE o.request_id = ANY (ids)
  ), ended AS (
    DELETE FROM operation_end e WHERE e.request_id = ANY (ids) RETURNING e.request_id, e.state, e.silent
  ), removed AS (
    DELETE FROM operation o WHERE o.request_id = ANY (ids) RETURNING o.request_id, o.type, o.callback_url
  ), told AS (
    DELETE FROM history_entry h WHERE h.operation_id = ANY (ids)
  ), unused AS (
    DELETE FROM file_use u WHERE u.operation_id = ANY (ids)
  ), untold AS (
    DELETE FROM completion c WHERE c.operation_id = ANY (ids)
  ), left_place AS (
    DELETE FROM origin_call c WHERE c.request_id = ANY (ids)
  ), booked AS (
    INSERT INTO ledger_entry (accepted) SELECT -count(*) FROM removed HAVING count(*) > 0
  )
  INSERT INTO ledger_entry (type, state, ended, destined)
  SELECT r.type, e.state, -count(*), -count(r.callback_url) FILTER (WHERE NOT e.silent) FROM removed r JOIN ended e USING (request_id) GROUP BY r.type, e.state;
END $$;
