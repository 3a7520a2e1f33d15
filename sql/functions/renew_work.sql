-- As renew_leases, for 0.1.0.
CREATE OR REPLACE FUNCTION renew_work(leases json, account text)
RETURNS TABLE (request_id bigint, canceling boolean, worker text)
LANGUAGE sql AS $$
  SELECT r.request_id, r.canceling, r.worker FROM renew_leases(leases, account) r
$$;
