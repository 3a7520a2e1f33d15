-- Learns from attempts whether their origins and receivers answer, where they don't do as before. An origin that was never proven rests
-- for up to `rest` where its attempts found nobody, and so does a receiver.
CREATE OR REPLACE FUNCTION learn_of_receivers(made made_attempt[], rest interval) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  WITH proven AS (
    INSERT INTO origin (name, proven_at, receiver)
    SELECT n.origin, now(), CASE WHEN count(*) = 1 THEN min(n.receiver) ELSE '' END
    FROM (SELECT DISTINCT m.origin, m.lane || ' ' || m.receiver AS receiver FROM unnest(made) m WHERE m.outcome = 'delivered') n
    LEFT JOIN LATERAL (SELECT k.proven_at, k.receiver FROM origin k WHERE k.name = n.origin LIMIT 1) k ON true
    WHERE k.proven_at IS NULL OR k.receiver IS NULL OR k.receiver NOT IN ('', n.receiver)
    GROUP BY n.origin ORDER BY n.origin
    ON CONFLICT (name) DO UPDATE SET proven_at = coalesce(origin.proven_at, now()),
      receiver = CASE coalesce(origin.receiver, excluded.receiver) WHEN excluded.receiver THEN excluded.receiver ELSE '' END
  ), rested AS (
    UPDATE origin k SET rests_until = now() + rest * random()
    FROM (SELECT m.origin FROM unnest(made) m GROUP BY m.origin HAVING bool_or(m.silent) AND NOT bool_or(m.outcome = 'delivered')) n
    WHERE k.name = ANY (ARRAY(SELECT m.origin FROM unnest(made) m WHERE m.silent)) AND k.name = n.origin AND k.proven_at IS NULL
  )
  -- Only where it turns. One that takes connections and never answers would fill its origin up to the cap: it has to answer anew.
  INSERT INTO receiver (lane, receiver, answers, rests_until)
  SELECT m.lane, m.receiver, bool_or(m.answered), CASE WHEN bool_or(m.answered) THEN '-infinity' ELSE now() + rest * random() END
  FROM unnest(made) m
  LEFT JOIN LATERAL (SELECT k.answers FROM receiver k WHERE k.lane = m.lane AND k.receiver = m.receiver LIMIT 1) k ON true
  GROUP BY m.lane, m.receiver, k.answers
  HAVING CASE WHEN bool_or(m.answered) THEN k.answers IS NOT TRUE ELSE bool_or(m.silent) END
  ORDER BY m.lane, m.receiver
  ON CONFLICT (lane, receiver) DO UPDATE SET answers = excluded.answers, known_at = now(), rests_until = excluded.rests_until;
END $$;
