-- The numbers between which a moment lies, of operations or of deliveries: halves them until there is none between them.
CREATE OR REPLACE FUNCTION halve_numbers(moment timestamptz, deliveries boolean, OUT before bigint, OUT after bigint)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  beyond bigint; middle bigint; number bigint; made_at timestamptz;
BEGIN
  IF deliveries THEN
    before := (SELECT d.seq FROM delivery d ORDER BY d.seq LIMIT 1) - 1;
    beyond := (SELECT d.seq FROM delivery d ORDER BY d.seq DESC LIMIT 1) + 1;
  ELSE
    before := (SELECT o.request_id FROM operation o ORDER BY o.request_id LIMIT 1) - 1;
    beyond := (SELECT o.request_id FROM operation o ORDER BY o.request_id DESC LIMIT 1) + 1;
  END IF;
  WHILE before + 1 < beyond LOOP
    middle := before + (beyond - before) / 2;
    IF deliveries THEN
      SELECT d.seq, d.created_at INTO number, made_at FROM delivery d WHERE d.seq >= middle ORDER BY d.seq LIMIT 1;
    ELSE
      SELECT o.request_id, o.created_at INTO number, made_at FROM operation o WHERE o.request_id >= middle ORDER BY o.request_id LIMIT 1;
    END IF;
    IF made_at < moment THEN
      before := number;
    ELSE
      beyond := middle; after := number;
    END IF;
  END LOOP;
END $$;
