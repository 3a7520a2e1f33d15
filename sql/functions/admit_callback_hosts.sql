CREATE OR REPLACE FUNCTION admit_callback_hosts(accounts text[], names text[], most integer)
 RETURNS TABLE(place integer, retry_after_s integer)
 LANGUAGE plpgsql
AS $$
      #variable_conflict use_column
      BEGIN
        IF EXISTS (
          SELECT FROM unnest(accounts, names) AS g (account_id, name)
          WHERE NOT EXISTS (SELECT FROM callback_host k WHERE k.account_id = g.account_id AND k.name = g.name)
        ) THEN
          PERFORM pg_advisory_xact_lock(7164225004);
          INSERT INTO callback_host (account_id, name, first_used_at)
          SELECT n.account_id, n.name, clock_timestamp() FROM (
            SELECT g.account_id, g.name, row_number() OVER (PARTITION BY g.account_id ORDER BY min(g.place)) AS turn
            FROM unnest(accounts, names) WITH ORDINALITY AS g (account_id, name, place)
            WHERE NOT EXISTS (SELECT FROM callback_host k WHERE k.account_id = g.account_id AND k.name = g.name)
            GROUP BY g.account_id, g.name
          ) n
          WHERE n.turn <= most - (
            SELECT count(*) FROM callback_host k WHERE k.account_id = n.account_id AND k.first_used_at > clock_timestamp() - interval '1 minute');
        END IF;

        RETURN QUERY
        SELECT g.place::integer, CASE WHEN k.name IS NULL THEN greatest(1, ceil(extract(epoch FROM (
            SELECT min(y.first_used_at) FROM callback_host y
            WHERE y.account_id = g.account_id AND y.first_used_at > clock_timestamp() - interval '1 minute'
          ) + interval '1 minute' - clock_timestamp())))::integer END
        FROM unnest(accounts, names) WITH ORDINALITY AS g (account_id, name, place)
        LEFT JOIN callback_host k ON k.account_id = g.account_id AND k.name = g.name;
      END $$;
