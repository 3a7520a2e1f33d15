-- The starts of a key's last period: those that were known and those that were noted since. Where they may be many, those of a hundredth of
-- the period are one, at its end: what is kept stays small, and what is counted is never too few. `width` is how long a start counts: a
-- little longer than the period, since whoever is called sees two calls closer together, or further apart, than they were started.
CREATE OR REPLACE FUNCTION flow_window(rate integer, period_s float8, known timestamptz[], known_counts integer[], added timestamptz[],
  OUT times timestamptz[], OUT counts integer[], OUT starts integer, OUT width interval)
LANGUAGE sql STABLE AS $$
  SELECT coalesce(array_agg(b.at ORDER BY b.at), '{}'), coalesce(array_agg(b.count ORDER BY b.at), '{}'), coalesce(sum(b.count), 0)::integer,
    make_interval(secs => period_s + least(period_s / 50, 0.05))
  FROM (
    SELECT t.at, sum(t.count)::integer AS count FROM (
      SELECT k.at, k.count FROM unnest(known, known_counts) AS k (at, count)
      UNION ALL
      SELECT CASE WHEN rate <= 100 THEN a.at ELSE to_timestamp(ceil(extract(epoch FROM a.at)::float8 / (period_s / 100)) * (period_s / 100)) END, 1
      FROM unnest(added) AS a (at) WHERE rate IS NOT NULL
    ) t
    WHERE rate IS NULL OR t.at > clock_timestamp() - make_interval(secs => period_s + least(period_s / 50, 0.05))
    GROUP BY t.at
  ) b
$$;
