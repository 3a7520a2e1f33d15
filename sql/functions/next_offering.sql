-- The next account by name, behind `after`, that has an operation of one of these types offered; null where there is none.
CREATE OR REPLACE FUNCTION next_offering(types text[], after text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT min(f.account_id) FROM unnest(types) AS n (type) CROSS JOIN LATERAL (
    SELECT o.account_id FROM live_operation o WHERE o.phase = 'offered' AND o.type = n.type AND o.account_id > after
    ORDER BY o.type, o.account_id, o.priority DESC, o.request_id LIMIT 1) f);
END $$;
