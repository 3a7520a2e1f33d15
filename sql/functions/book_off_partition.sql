-- Takes the records of a retired partition off the ledger, of at most `most` numbers in one commit, together with what other tables
-- have of them. Answers whether there may be more. What becomes of the partition is decided here: it is dropped once all is booked.
-- A minute after it was retired: all transactions that may not have seen that are over.
CREATE OR REPLACE FUNCTION book_off_partition(most bigint) RETURNS boolean
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  part record_partition; first bigint; beyond bigint;
BEGIN
  SELECT p.* INTO part FROM record_partition p
  WHERE p.retired_at <= now() - interval '1 minute' AND p.booked_to IS DISTINCT FROM p.upper ORDER BY p.lower LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN false;
  ELSIF part.booked_to IS NULL AND has_live_rows(part.lower, part.upper) THEN
    -- Made owed again by a statement that had begun before it was retired: it is kept for as long as that.
    UPDATE record_partition p SET retired_at = NULL WHERE p.lower = part.lower;
    RETURN true;
  END IF;
  first := coalesce(part.booked_to, part.lower);
  beyond := least(first + most, part.upper);
  INSERT INTO ledger_entry (accepted) SELECT -count(*) FROM operation o WHERE o.request_id >= first AND o.request_id < beyond HAVING count(*) > 0;
  INSERT INTO ledger_entry (type, state, ended, destined)
  SELECT o.type, e.state, -count(*), -count(o.callback_url) FILTER (WHERE NOT e.silent)
  FROM operation o JOIN operation_end e USING (request_id)
  WHERE o.request_id >= first AND o.request_id < beyond AND e.request_id >= first AND e.request_id < beyond GROUP BY o.type, e.state;
  INSERT INTO ledger_entry (state, callbacks)
  SELECT x.state, -count(*) FROM delivery d JOIN delivery_end x ON x.home = d.home AND x.seq = d.seq
  WHERE d.destination = 'callback' AND d.home >= first AND d.home < beyond AND x.home >= first AND x.home < beyond GROUP BY x.state;
  DELETE FROM undelivered u WHERE u.home >= first AND u.home < beyond;
  DELETE FROM file_use u WHERE u.operation_id >= first AND u.operation_id < beyond;
  DELETE FROM origin_call c WHERE c.request_id >= first AND c.request_id < beyond;
  DELETE FROM live_poll p WHERE p.request_id >= first AND p.request_id < beyond;
  UPDATE record_partition p SET booked_to = CASE WHEN beyond < p.lower + p.given THEN beyond ELSE p.upper END WHERE p.lower = part.lower;
  RETURN true;
END $$;
