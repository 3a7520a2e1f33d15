-- Whose turn it is in a lane, which begins with this receiver and delivery: of an origin whose callbacks go to several receivers, from
-- `start` on. `lone` is the account that all of them are of; null: there are several.
CREATE OR REPLACE FUNCTION first_of_lane(named text, begins bigint, begins_seq bigint, begins_payer bigint, start bigint)
RETURNS TABLE (several boolean, lone bigint, receiver bigint, seq bigint, payer bigint)
LANGUAGE sql STABLE AS $$
  SELECT z.last > begins, CASE WHEN z.last >> 32 = begins >> 32 THEN begins_payer END, v.receiver, v.seq, v.payer
  FROM (
    SELECT CASE WHEN position('://' IN named) = 0 THEN begins ELSE (
      SELECT d.receiver FROM live_delivery d WHERE d.phase = 'ready' AND d.lane = named
      ORDER BY d.lane DESC, d.receiver DESC, d.run_at DESC, d.seq DESC LIMIT 1) END AS last OFFSET 0
  ) z CROSS JOIN LATERAL (
    SELECT begins AS receiver, begins_seq AS seq, begins_payer AS payer WHERE z.last = begins
    UNION ALL
    SELECT n.receiver, n.seq, p.payer FROM (
      SELECT CASE WHEN z.last >> 32 = begins_payer THEN begins_payer ELSE coalesce((
        SELECT d.receiver >> 32 FROM live_delivery d WHERE d.phase = 'ready' AND d.lane = named AND d.receiver > (start | 4294967295)
        ORDER BY d.lane, d.receiver, d.run_at, d.seq LIMIT 1), begins_payer) END AS payer
      WHERE z.last > begins OFFSET 0
    ) p CROSS JOIN LATERAL (
      SELECT d.* FROM (
        VALUES ((p.payer << 32) | (start & 4294967295), (p.payer << 32) | 4294967295), (p.payer << 32, (p.payer << 32) | (start & 4294967295))
      ) lap (after, upto) CROSS JOIN LATERAL (
        SELECT d.receiver, d.seq FROM live_delivery d WHERE d.phase = 'ready' AND d.lane = named AND d.receiver > lap.after AND d.receiver <= lap.upto
        ORDER BY d.lane, d.receiver, d.run_at, d.seq LIMIT 1
      ) d LIMIT 1
    ) n
  ) v
$$;
