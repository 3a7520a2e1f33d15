-- Ends Pending deliveries without an attempt: as Canceled for the reason `why`, or as Delivered where they were before they were sent
-- once more. An attempt under way is logged as cut off: its outcome is unknown. Answers those that it ended.
CREATE OR REPLACE FUNCTION cancel_deliveries(seqs bigint[], why text) RETURNS SETOF bigint
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH locked AS MATERIALIZED (
    SELECT d.seq FROM live_delivery d WHERE d.seq = ANY (seqs) ORDER BY d.seq FOR UPDATE
  ), over AS (
    DELETE FROM live_delivery d WHERE d.seq = ANY (ARRAY(SELECT l.seq FROM locked l)) RETURNING d.*
  ), ended AS (
    INSERT INTO delivery_end (home, seq, state, attempt_count, schedule_step, epoch, reason, given_up_reason, delivered_at, url)
    SELECT o.home, o.seq, CASE WHEN o.delivered_at IS NULL THEN 'Canceled' ELSE 'Delivered' END, o.attempt_count, o.schedule_step, o.epoch,
      CASE WHEN o.delivered_at IS NULL THEN why END, o.given_up_reason, o.delivered_at, o.url FROM over o
    RETURNING home, seq, state
  ), cut AS (
    INSERT INTO attempt (home, delivery_seq, number, trigger, outcome, error, started_at)
    SELECT o.home, o.seq, o.attempt_count, CASE o.phase WHEN 'leased' THEN 'pull' ELSE o.trigger END, 'unknown', 'canceled', o.started_at FROM over o WHERE o.lease_token IS NOT NULL
  ), owed AS (
    INSERT INTO undelivered (home, seq, account_id, operation_id, lane, state)
    SELECT o.home, o.seq, o.account_id, o.operation_id, o.lane, 'Canceled' FROM over o WHERE o.delivered_at IS NULL AND why <> 'acknowledged_by_poll'
  ), booked AS (
    INSERT INTO ledger_entry (state, callbacks)
    SELECT e.state, count(*) FROM ended e JOIN over o USING (seq) WHERE o.operation_id IS NOT NULL AND o.endpoint_id IS NULL GROUP BY e.state
  )
  SELECT o.seq FROM over o;
END $$;
