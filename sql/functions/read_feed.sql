-- What the feed tells of the places after `after` up to `upto`, in order: ended operations, attempts and disablings of an account, or
-- of all. Numbers without a row were given to nobody, or to a transaction that has not committed.
CREATE OR REPLACE FUNCTION read_feed(account text, after bigint, upto bigint)
RETURNS TABLE (feed_id bigint, account_id text, kind text, at timestamptz, subject json)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT f.* FROM (
    SELECT e.feed_id, o.account_id, 'operation.ended' AS kind, e.finished_at AS at, json_build_object('id', o.rid, 'request_id', o.request_id,
      'type', o.type, 'status', e.state, 'correlation', o.correlation, 'error_code', e.error_code, 'created_at', o.created_at, 'finished_at', e.finished_at) AS subject
    FROM operation_end e CROSS JOIN LATERAL (SELECT o.* FROM operation o WHERE o.request_id = e.request_id LIMIT 1) o
    WHERE e.feed_id > after AND e.feed_id <= upto
    UNION ALL
    SELECT a.feed_id, d.account_id, 'attempt.made', a.started_at + coalesce(a.duration_ms, 0) * interval '1 ms', json_build_object('delivery_id', d.id,
      'operation_id', d.operation_rid, 'type', o.type, 'endpoint_id', d.endpoint_id, 'url', d.url, 'event', d.event_type, 'number', a.number, 'trigger', a.trigger,
      'outcome', a.outcome, 'http_status', a.http_status, 'error', a.error, 'duration_ms', a.duration_ms, 'next_attempt_at', a.next_attempt_at)
    FROM attempt a CROSS JOIN LATERAL (
      SELECT d.id, d.account_id, d.operation_id, d.operation_rid, d.endpoint_id, d.url, d.event_type FROM delivery d
      WHERE d.home = a.home AND d.seq = a.delivery_seq LIMIT 1
    ) d LEFT JOIN LATERAL (SELECT o.type FROM operation o WHERE o.request_id = d.operation_id LIMIT 1) o ON true
    WHERE a.feed_id > after AND a.feed_id <= upto
    UNION ALL
    SELECT n.feed_id, n.account_id, 'endpoint.disabled', n.at, json_build_object('id', n.endpoint_id, 'url', n.url, 'reason', n.reason)
    FROM endpoint_disabling n WHERE n.feed_id > after AND n.feed_id <= upto
  ) f WHERE account IS NULL OR f.account_id = account
  ORDER BY f.feed_id;
END $$;
