-- take_schedules as processes of 0.1.0 know it: only schedules of which they know all.
CREATE OR REPLACE FUNCTION due_schedules(most integer, most_bytes bigint)
RETURNS TABLE (schedule schedule, busy boolean, closed boolean, looked_at timestamptz)
LANGUAGE sql AS $$
  SELECT t.schedule, t.busy, t.closed, t.looked_at FROM take_schedules(0, most, most_bytes) t;
$$;
