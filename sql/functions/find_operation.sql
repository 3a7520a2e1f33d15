-- One operation as it stands, by its `rid` or else by its `number`, with the state of its own callback and its place among those of
-- its account that wait: 1 for the next to start, an estimate that stops at 1,000. An account or a face that is given must be its own.
CREATE OR REPLACE FUNCTION find_operation(rid text, number bigint, account text, spoken text)
RETURNS TABLE (operation operation_view, callback_state text, queue_position integer)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  wanted bigint := number;
BEGIN
  IF number IS NULL THEN
    -- By this index alone: without statistics, that of the account looks as good.
    SELECT o.request_id INTO wanted FROM operation o WHERE o.rid = find_operation.rid;
  END IF;
  RETURN QUERY
  SELECT v,
    CASE WHEN v.callback_url IS NOT NULL THEN (
      SELECT coalesce(x.state, 'Pending') FROM delivery d LEFT JOIN delivery_end x ON x.home = d.home AND x.seq = d.seq
      WHERE d.home = v.request_id AND d.destination = 'callback'
    ) END,
    CASE v.phase WHEN 'dispatched' THEN 1 WHEN 'offered' THEN 1 + (
      -- Among those of its type.
      SELECT count(*)::integer FROM (
        (SELECT FROM live_operation a WHERE a.phase = 'offered' AND a.type = v.type AND a.account_id = v.account_id AND a.priority > v.priority LIMIT 999)
        UNION ALL
        (SELECT FROM live_operation a WHERE a.phase = 'offered' AND a.type = v.type AND a.account_id = v.account_id AND a.priority = v.priority AND a.request_id < v.request_id LIMIT 999)
        LIMIT 999
      ) ahead) WHEN 'keyed' THEN 1 + (
      -- Among those of its flow key.
      SELECT count(*)::integer FROM live_operation l CROSS JOIN LATERAL (
        (SELECT FROM live_operation a WHERE a.phase = 'keyed' AND a.account_id = l.account_id AND a.flow_key = l.flow_key AND a.priority > l.priority LIMIT 999)
        UNION ALL
        (SELECT FROM live_operation a WHERE a.phase = 'keyed' AND a.account_id = l.account_id AND a.flow_key = l.flow_key AND a.priority = l.priority AND a.request_id < l.request_id LIMIT 999)
        LIMIT 999
      ) ahead WHERE l.request_id = v.request_id) WHEN 'ready' THEN 1 + (
      -- Two ranges of the index that dispatch follows, and no more of it than is told.
      SELECT count(*)::integer FROM (
        (SELECT FROM live_operation a WHERE a.phase = 'ready' AND a.account_id = v.account_id AND a.priority > v.priority LIMIT 999)
        UNION ALL
        (SELECT FROM live_operation a WHERE a.phase = 'ready' AND a.account_id = v.account_id AND a.priority = v.priority AND a.request_id < v.request_id LIMIT 999)
        LIMIT 999
      ) ahead) END
  FROM operation_view v
  WHERE v.request_id = wanted AND (account IS NULL OR v.account_id = account) AND (spoken IS NULL OR v.face = spoken);
END $$;
