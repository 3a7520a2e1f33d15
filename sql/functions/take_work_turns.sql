-- Which of the operations that are offered of these types a claim gets, `most` at the most: as take_operation_turns, of an account, or of
-- all (null) in a circle from behind the one that was served last. `held_up`: some wait whose account has no free slot.
CREATE OR REPLACE FUNCTION take_work_turns(types text[], account text, most integer, OUT chosen bigint[], OUT held_up boolean)
LANGUAGE plpgsql AS $$
DECLARE
  -- Accounts without a free slot that one claim passes by; the next one goes on from there.
  max_passed CONSTANT integer := 200;
  begun text := CASE WHEN account IS NULL THEN (SELECT c.served FROM fairness_cursor c WHERE c.of = 'work') ELSE '' END;
  reached text := begun; wrapped boolean := false; passed integer := 0; free integer;
  accounts text[] := '{}'; frees integer[] := '{}'; quota integer; last_served text; moved integer; deepest integer;
BEGIN
  held_up := false;
  LOOP
    reached := CASE WHEN account IS NULL THEN next_offering(types, reached) WHEN reached = '' THEN account END;
    IF reached IS NULL OR wrapped AND reached > begun THEN
      EXIT WHEN wrapped OR begun = '';
      wrapped := true;
      reached := '';
      CONTINUE;
    END IF;
    free := (SELECT a.slots - (SELECT count(*)::integer FROM (
      SELECT FROM live_operation o WHERE o.account_id = a.id AND o.phase IN ('placed', 'awaiting') ORDER BY o.account_id LIMIT a.slots) t)
      FROM account a WHERE a.id = reached LIMIT 1);
    IF free > 0 THEN
      accounts := accounts || reached;
      frees := frees || free;
      EXIT WHEN cardinality(accounts) = most;
    ELSIF want_slot(types, reached) THEN
      held_up := true;
      passed := passed + 1;
      last_served := reached;
      EXIT WHEN passed = max_passed;
    END IF;
  END LOOP;
  IF accounts <> '{}' THEN
    quota := (most + cardinality(accounts) - 1) / cardinality(accounts);
    LOOP
      SELECT array_agg(c.request_id ORDER BY c.turn, c.place), (array_agg(c.account_id ORDER BY c.turn, c.place))[count(*)], count(*), max(c.turn)
      INTO chosen, last_served, moved, deepest FROM (
        SELECT t.* FROM unnest(accounts, frees) WITH ORDINALITY AS a (account_id, free, place) CROSS JOIN LATERAL (
          SELECT a.account_id, a.place, w.request_id, row_number() OVER (ORDER BY w.priority DESC, w.request_id) AS turn
          FROM unnest(types) AS n (type) CROSS JOIN LATERAL (
            SELECT o.request_id, o.priority FROM live_operation o WHERE o.phase = 'offered' AND o.type = n.type AND o.account_id = a.account_id
            ORDER BY o.type, o.account_id, o.priority DESC, o.request_id LIMIT least(a.free, quota)
          ) w ORDER BY turn LIMIT least(a.free, quota)
        ) t ORDER BY t.turn, t.place LIMIT most
      ) c;
      EXIT WHEN moved = most OR deepest IS DISTINCT FROM quota OR quota >= most;
      quota := least(4 * quota, most);
    END LOOP;
    DELETE FROM slot_wanted s WHERE s.account_id = ANY (accounts);
  END IF;
  IF account IS NULL AND (chosen IS NOT NULL OR passed = max_passed) THEN
    UPDATE fairness_cursor c SET served = last_served WHERE c.of = 'work' AND c.served <> last_served;
  END IF;
END $$;
