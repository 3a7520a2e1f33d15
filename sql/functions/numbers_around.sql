-- Where a moment lies among the numbers of operations, or of deliveries: those up to `below` were made before it, those from `above`
-- on after it. Numbers are given in the order of time, and `created_at` is when the statement began that took one: that is cut off
-- long before `slack` is over.
CREATE OR REPLACE FUNCTION numbers_around(moment timestamptz, deliveries boolean, OUT below bigint, OUT above bigint)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  slack CONSTANT interval := '1 minute';
BEGIN
  below := (SELECT n.before FROM halve_numbers(moment - slack, deliveries) n);
  above := (SELECT n.after FROM halve_numbers(moment + slack, deliveries) n);
END $$;
