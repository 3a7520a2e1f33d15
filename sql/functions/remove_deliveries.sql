-- Deletes deliveries in whatever state with their attempts, and books it: those of the given homes and numbers.
CREATE OR REPLACE FUNCTION remove_deliveries(homes bigint[], seqs bigint[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  -- An attempt that is being recorded and a redelivery are waited for: the statement after this one sees what became of them.
  PERFORM FROM live_delivery d WHERE d.seq = ANY (seqs) ORDER BY d.seq FOR UPDATE;
  PERFORM FROM delivery_end x WHERE x.home = ANY (homes) AND x.seq = ANY (seqs) ORDER BY x.seq FOR UPDATE;
  WITH live AS (
    DELETE FROM live_delivery d WHERE d.seq = ANY (seqs)
  ), ended AS (
    DELETE FROM delivery_end x WHERE x.home = ANY (homes) AND x.seq = ANY (seqs) RETURNING x.seq, x.state
  ), removed AS (
    DELETE FROM delivery d WHERE d.home = ANY (homes) AND d.seq = ANY (seqs) RETURNING d.seq, d.destination
  ), logged AS (
    DELETE FROM attempt a WHERE a.home = ANY (homes) AND a.delivery_seq = ANY (seqs)
  ), owed AS (
    DELETE FROM undelivered u WHERE u.home = ANY (homes) AND u.seq = ANY (seqs)
  )
  INSERT INTO ledger_entry (state, callbacks)
  SELECT e.state, -count(*) FROM removed r JOIN ended e USING (seq) WHERE r.destination = 'callback' GROUP BY e.state;
END $$;
