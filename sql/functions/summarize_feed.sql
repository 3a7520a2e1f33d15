-- Tells the indexes of the feed what came since the last time: until then each look reads it all. PostgreSQL does so with a vacuum,
-- which is seldom. A table that is being vacuumed is left to that, and one that is being
-- dropped is none of it any more.
CREATE OR REPLACE FUNCTION summarize_feed() RETURNS void
LANGUAGE plpgsql SET lock_timeout = '100ms' AS $$
DECLARE
  part regclass;
BEGIN
  FOR part IN SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent IN ('operation_end_finished'::regclass, 'attempt_feed'::regclass) LOOP
    BEGIN
      PERFORM brin_summarize_new_values(part);
    EXCEPTION WHEN lock_not_available OR undefined_table OR internal_error THEN
      CONTINUE;
    END;
  END LOOP;
END $$;
