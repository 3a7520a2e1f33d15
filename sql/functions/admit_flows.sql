-- Admits what waits for a flow key that has room: it is ready, or offered, from then on. What has a slot, and is more than may start
-- since its key was paused or given other values, waits again. Looks at the keys that something was noted of, and
-- at those whose window has room again; nobody reads the others. Answers when to look again; null: once something is noted.
-- The caller has the lock of the slots, so nothing gets a place of a key from anybody else. Who changes a key is waited for at first; after
-- that, with other keys locked, it may be waiting for one of them: what is noted of its key stays for the next time.
CREATE OR REPLACE FUNCTION admit_flows(most integer) RETURNS timestamptz
LANGUAGE plpgsql AS $$
DECLARE
  began timestamptz := clock_timestamp();
  accounts text[]; keys text[]; rooms integer[]; excesses integer[]; opens timestamptz[]; ordereds boolean[];
  waits boolean := true;
BEGIN
  LOOP
    SELECT array_agg(k.account_id), array_agg(k.key) INTO accounts, keys FROM (
      SELECT n.account_id, n.key FROM (SELECT n.account_id, n.key FROM flow_note n ORDER BY n.id LIMIT 5 * most) n
      UNION
      (SELECT f.account_id, f.key FROM flow f WHERE f.look_at <= clock_timestamp() ORDER BY f.look_at LIMIT most)
    ) k;
    EXIT WHEN accounts IS NULL;
    IF waits THEN
      -- In the order in which those who submit change them.
      PERFORM FROM (SELECT * FROM unnest(accounts, keys) AS k (account_id, key) ORDER BY k.account_id, k.key) k
      CROSS JOIN LATERAL (SELECT FROM flow f WHERE f.account_id = k.account_id AND f.key = k.key LIMIT 1 FOR NO KEY UPDATE) f;
      waits := false;
    ELSE
      SELECT array_agg(k.account_id), array_agg(k.key) INTO accounts, keys FROM unnest(accounts, keys) AS k (account_id, key)
      LEFT JOIN LATERAL (
        SELECT f.key FROM flow f WHERE f.account_id = k.account_id AND f.key = k.key LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) f ON true
      WHERE f.key IS NOT NULL OR NOT EXISTS (SELECT FROM flow g WHERE g.account_id = k.account_id AND g.key = k.key);
      IF accounts IS NULL THEN
        RETURN clock_timestamp() + interval '20 ms';
      END IF;
    END IF;
    SELECT array_agg(j.account_id), array_agg(j.key), array_agg(j.room), array_agg(j.excess), array_agg(j.opens_at), array_agg(j.ordered)
    INTO accounts, keys, rooms, excesses, opens, ordereds FROM judge_flows(accounts, keys) j;
    IF NOT admit_of_keys(accounts, keys, rooms, excesses, ordereds) THEN
      -- Somebody has one of them now, who may give it back.
      INSERT INTO flow_note (account_id, key) SELECT * FROM unnest(accounts, keys);
      RETURN clock_timestamp() + interval '20 ms';
    END IF;
    UPDATE flow f SET look_at = g.opens_at
    FROM (
      SELECT k.account_id, k.key, CASE WHEN k.opens_at IS NOT NULL AND EXISTS (
        SELECT FROM live_operation o WHERE o.account_id = k.account_id AND o.flow_key = k.key AND o.phase = 'keyed') THEN k.opens_at END AS opens_at
      FROM unnest(accounts, keys, opens) AS k (account_id, key, opens_at)
    ) g
    WHERE f.account_id = g.account_id AND f.key = g.key AND f.look_at IS DISTINCT FROM g.opens_at;
    IF clock_timestamp() > began + interval '0.5 seconds' THEN
      RETURN clock_timestamp();
    END IF;
  END LOOP;
  RETURN (SELECT min(f.look_at) FROM flow f WHERE f.look_at IS NOT NULL);
END $$;
