-- Accounts with operations ready, by their names from behind `after` up to `upto` (null: all), each with its first operation.
-- From one account's first row to the next account's: what else they have waiting isn't read.
CREATE OR REPLACE FUNCTION waiting_accounts(after text, upto text)
RETURNS TABLE (account_id text, request_id bigint)
LANGUAGE sql STABLE AS $$
  WITH RECURSIVE walk AS (
    SELECT after AS account_id, 0::bigint AS request_id
    UNION ALL
    SELECT o.account_id, o.request_id FROM walk w CROSS JOIN LATERAL (
      SELECT o.account_id, o.request_id FROM live_operation o WHERE o.phase = 'ready' AND o.account_id > w.account_id
      ORDER BY o.account_id, o.priority DESC, o.request_id LIMIT 1
    ) o
    WHERE upto IS NULL OR o.account_id <= upto
  )
  SELECT w.account_id, w.request_id FROM walk w WHERE w.request_id > 0
$$;
