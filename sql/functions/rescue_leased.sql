-- What a consumer has pulled and not acknowledged in its time is held again: the outcome is logged as unknown, since the consumer may
-- have done it. It keeps its turn at first, so that a consumer that was killed costs the order nothing; what goes so again and again
-- waits behind the others, so that a delivery that kills its consumer holds up none. Answers how many.
CREATE OR REPLACE FUNCTION rescue_leased(most integer) RETURNS integer
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  patience CONSTANT integer := 2;
  due tid[];
BEGIN
  due := ARRAY(SELECT d.ctid FROM live_delivery d WHERE d.phase = 'leased' AND d.look_at <= now()
    ORDER BY d.look_at LIMIT most FOR UPDATE SKIP LOCKED);
  IF due <> '{}' THEN
    WITH rescued AS (
      UPDATE live_delivery d SET phase = 'held', look_at = 'infinity', due_at = 'infinity', lease_token = NULL,
        run_at = CASE WHEN d.attempt_count > patience THEN now() ELSE d.run_at END
      WHERE d.ctid = ANY (due) RETURNING d.home, d.seq, d.attempt_count, d.started_at
    )
    INSERT INTO attempt (home, delivery_seq, number, trigger, outcome, error, started_at)
    SELECT r.home, r.seq, r.attempt_count, 'pull', 'unknown', 'lease_expired', r.started_at FROM rescued r;
  END IF;
  RETURN cardinality(due);
END $$;
