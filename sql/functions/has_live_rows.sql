-- Whether anything of the numbers from `first` to before `beyond` is still owed.
CREATE OR REPLACE FUNCTION has_live_rows(first bigint, beyond bigint) RETURNS boolean
LANGUAGE plpgsql SET jit = off AS $$
BEGIN
  RETURN EXISTS (SELECT FROM live_operation o WHERE o.request_id >= first AND o.request_id < beyond)
    OR EXISTS (SELECT FROM live_delivery d WHERE d.home >= first AND d.home < beyond);
END $$;
