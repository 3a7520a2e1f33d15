-- As dispatch_round, for who doesn't ask when to come again.
CREATE OR REPLACE FUNCTION dispatch_operations(most integer, redispatch interval, max_dispatched integer, patience interval)
RETURNS TABLE (request_id bigint, epoch integer, again boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT d.request_id, d.epoch, d.again FROM dispatch_round(most, redispatch, max_dispatched, patience) d
  WHERE d.request_id IS NOT NULL OR d.epoch IS NULL;
END $$;
