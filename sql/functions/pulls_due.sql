-- Which of these pull endpoints, whose consumers wait for an answer, have something to tell them: a delivery that is due, or that they
-- are disabled or gone. Notes that they are pulled.
CREATE OR REPLACE FUNCTION pulls_due(ids text[]) RETURNS SETOF text
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  PERFORM note_pulled(ids);
  RETURN QUERY
  SELECT g.id FROM unnest(ids) AS g (id)
  WHERE (SELECT d.seq FROM live_delivery d WHERE d.phase = 'held' AND d.endpoint_id = g.id AND d.run_at <= now()
      ORDER BY d.endpoint_id, d.run_at, d.seq LIMIT 1) IS NOT NULL
    OR (SELECT e.disabled_at IS NULL FROM endpoint e WHERE e.id = g.id) IS NOT TRUE;
END $$;
