-- Accounts that have an operation ready and a slot free, `wanted` at the most, each with its first operation and its free slots. They
-- take turns in a circle, from behind the one that was served last. Of each, its slots are looked up with those of many others.
CREATE OR REPLACE FUNCTION accounts_with_slots(wanted integer, most integer)
RETURNS TABLE (account_id text, head bigint, free bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  begun text := (SELECT c.served FROM fairness_cursor c WHERE c.of = 'operations');
  reached text := begun; wrapped boolean := false; batch integer := wanted; left_over integer := wanted;
  seen text[]; heads bigint[]; found integer;
BEGIN
  WHILE left_over > 0 LOOP
    SELECT array_agg(w.account_id), array_agg(w.request_id) INTO seen, heads
    FROM (SELECT * FROM waiting_accounts(reached, CASE WHEN wrapped THEN begun END) LIMIT batch) w;
    RETURN QUERY SELECT p.account_id, max(p.head), sum(p.slots) FROM (
      SELECT s.account_id, s.head, s.place, 0 AS slots FROM unnest(seen, heads) WITH ORDINALITY AS s (account_id, head, place)
      UNION ALL
      SELECT a.id, NULL, NULL, a.slots FROM account a WHERE a.id = ANY (seen)
      UNION ALL
      SELECT s.account_id, NULL, NULL, -1 FROM slot_wanted s WHERE s.account_id = ANY (seen) AND s.until > now()
      UNION ALL
      -- Ordered, because without statistics other indexes look as good.
      SELECT t.account_id, NULL, NULL, -1 FROM (
        SELECT o.account_id FROM live_operation o WHERE o.account_id = ANY (seen) AND o.phase IN ('placed', 'awaiting') ORDER BY o.account_id) t
    ) p GROUP BY p.account_id HAVING sum(p.slots) > 0 ORDER BY max(p.place) LIMIT left_over;
    GET DIAGNOSTICS found = ROW_COUNT;
    left_over := left_over - found;
    IF cardinality(seen) = batch THEN
      reached := seen[batch];
      batch := least(2 * batch, most);
    ELSE
      EXIT WHEN wrapped OR begun = '';
      wrapped := true;
      reached := '';
    END IF;
  END LOOP;
END $$;
