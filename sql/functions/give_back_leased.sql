-- Gives deliveries back whose consumer has gone before their answer: nothing of them was sent, so nothing is used up or logged.
CREATE OR REPLACE FUNCTION give_back_leased(seqs bigint[], tokens uuid[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  PERFORM FROM live_delivery d WHERE d.seq = ANY (seqs) ORDER BY d.seq FOR UPDATE;
  UPDATE live_delivery d SET phase = 'held', look_at = 'infinity', due_at = 'infinity', lease_token = NULL, started_at = NULL,
    attempt_count = d.attempt_count - 1, schedule_step = d.schedule_step - CASE WHEN d.trigger = 'schedule' THEN 1 ELSE 0 END
  WHERE d.seq = ANY (seqs) AND d.lease_token = ANY (tokens) AND d.phase = 'leased';
END $$;
