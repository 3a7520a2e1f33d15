-- Deletes pull endpoints that nobody has pulled for as long as they are kept, and cancels what was owed to them. Answers them.
CREATE OR REPLACE FUNCTION remove_ephemeral(most integer) RETURNS TABLE (id text, account_id text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH removed AS (
    DELETE FROM endpoint e WHERE e.id = ANY (ARRAY(
      SELECT e.id FROM endpoint e WHERE e.mode = 'pull' AND is_over(e) ORDER BY e.id LIMIT most FOR UPDATE SKIP LOCKED))
    RETURNING e.id, e.account_id
  ), canceled AS (
    SELECT count(*) AS count FROM removed r CROSS JOIN LATERAL cancel_deliveries(
      ARRAY(SELECT l.seq FROM live_delivery l WHERE l.endpoint_id = r.id), 'endpoint_deleted')
  ), unrecovered AS (
    UPDATE recovery c SET state = 'canceled', finished_at = now() FROM removed r
    WHERE c.account_id = r.account_id AND c.endpoint_id = r.id AND c.state = 'running'
  ), written AS (
    INSERT INTO audit (account_id, action, target, details)
    SELECT r.account_id, 'endpoint.deleted', r.id, jsonb_build_object('reason', 'not_pulled') FROM removed r
  )
  SELECT r.id, r.account_id FROM removed r WHERE (SELECT c.count FROM canceled c) >= 0;
END $$;
