-- Whether admit_flows would find anything.
CREATE OR REPLACE FUNCTION flows_due() RETURNS boolean
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN (SELECT n.id FROM flow_note n ORDER BY n.id LIMIT 1) IS NOT NULL
    OR coalesce((SELECT min(f.look_at) FROM flow f WHERE f.look_at IS NOT NULL) <= clock_timestamp(), false);
END $$;
