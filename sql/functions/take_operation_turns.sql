-- Which operations of these accounts get a slot, `room` at the most: of each account its first before of any its second. `heads` and
-- `frees` are their first operations and free slots. Where fewer accounts wait than there is room for, more of each: as many as use
-- it up if all have them, and where some haven't, four times as many, so that little is read in vain.
CREATE OR REPLACE FUNCTION take_operation_turns(accounts text[], heads bigint[], frees bigint[], room integer) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
  found integer := cardinality(accounts);
  quota integer := least((room + found - 1) / found, room + 1 - found);
  chosen bigint[]; last_served text; moved integer; deepest integer;
BEGIN
  LOOP
    SELECT array_agg(c.request_id), (array_agg(c.account_id))[count(*)], count(*), max(c.turn) INTO chosen, last_served, moved, deepest
    FROM (
      SELECT t.* FROM (
        SELECT a.account_id, a.request_id, a.place, 1 AS turn FROM unnest(accounts, heads) WITH ORDINALITY AS a (account_id, request_id, place)
        UNION ALL
        SELECT a.account_id, next.request_id, a.place, next.turn
        FROM unnest(accounts, frees) WITH ORDINALITY AS a (account_id, free, place) CROSS JOIN LATERAL (
          SELECT o.request_id, row_number() OVER (ORDER BY o.priority DESC, o.request_id) AS turn
          FROM live_operation o WHERE o.account_id = a.account_id AND o.phase = 'ready'
          ORDER BY o.priority DESC, o.request_id OFFSET 1 LIMIT least(a.free, quota) - 1
        ) next
        WHERE a.free > 1 AND quota > 1
      ) t ORDER BY t.turn, t.place LIMIT room
    ) c;
    EXIT WHEN moved = room OR deepest IS DISTINCT FROM quota OR quota > room - found;
    quota := least(4 * quota, room + 1 - found);
  END LOOP;
  UPDATE fairness_cursor c SET served = last_served WHERE c.of = 'operations' AND c.served <> last_served;
  RETURN chosen;
END $$;
