-- The first operation of a type that is offered, of one account, or of whichever comes first (null).
CREATE OR REPLACE FUNCTION first_offered(type text, account text)
RETURNS TABLE (request_id bigint, priority smallint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  IF account IS NULL THEN
    RETURN QUERY SELECT o.request_id, o.priority FROM live_operation o WHERE o.phase = 'offered' AND o.type = first_offered.type
      ORDER BY o.type, o.account_id, o.priority DESC, o.request_id LIMIT 1;
  ELSE
    RETURN QUERY SELECT o.request_id, o.priority FROM live_operation o WHERE o.phase = 'offered' AND o.type = first_offered.type AND o.account_id = account
      ORDER BY o.type, o.account_id, o.priority DESC, o.request_id LIMIT 1;
  END IF;
END $$;
