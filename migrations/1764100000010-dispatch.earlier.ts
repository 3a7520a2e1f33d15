/** The functions that the migration `Dispatch1764100000010` replaces, as the foundation made them: reverting it restores them. */
export const EARLIER_DISPATCH = [
  `
      CREATE OR REPLACE FUNCTION dispatch_operations(most integer, redispatch interval)
      RETURNS TABLE (request_id bigint, epoch integer) LANGUAGE plpgsql
      SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
      #variable_conflict use_column
      DECLARE moved integer; last_served text;
      BEGIN
        -- A dispatch that a crash forgets is made again, so nobody waits for the disk. (What a later commit waits for includes it.)
        PERFORM set_config('synchronous_commit', 'off', true);
        PERFORM pg_advisory_xact_lock(7164225002);

        -- Runs whose worker went silent wait again. Those without a try left stay for the undertaker.
        WITH lost AS (
          SELECT o.request_id FROM operation o
          WHERE o.phase = 'running' AND o.due_at <= now() AND o.attempt < o.tries
          ORDER BY o.due_at LIMIT most FOR UPDATE SKIP LOCKED
        ), freed AS (
          UPDATE operation o SET state = 'Waiting', phase = 'ready', due_at = now(), lease_token = NULL, status_text = 'Waiting...'
          FROM lost WHERE o.request_id = lost.request_id RETURNING o.request_id
        )
        INSERT INTO history_entry (operation_id, kind, state, text)
        SELECT freed.request_id, 'transition', 'Waiting', 'The worker went silent; waiting for another' FROM freed;

        -- Many at once, and again while there are more: a herd of one account's must not hold up the others'.
        LOOP
          WITH timely AS (
            SELECT o.request_id FROM operation o WHERE o.phase = 'scheduled' AND o.due_at <= now()
            ORDER BY o.due_at LIMIT 25 * most FOR UPDATE SKIP LOCKED
          )
          UPDATE operation o SET phase = 'ready' FROM timely WHERE o.request_id = timely.request_id;
          GET DIAGNOSTICS moved = ROW_COUNT;
          EXIT WHEN moved < 25 * most OR clock_timestamp() > now() + interval '1 second';
        END LOOP;

        SELECT t.served INTO last_served FROM turn t WHERE t.of = 'operations';
        RETURN QUERY
        WITH lap (place, after, upto) AS (
          -- Accounts take turns in a circle, from the one that was served last: as many are looked at as a round can serve.
          VALUES (0, last_served, NULL), (1000000000, '', last_served)
        ), open AS MATERIALIZED (
          SELECT w.place, w.account_id, w.request_id, w.free FROM (
            SELECT n.place, n.account_id, n.request_id, (SELECT a.slots FROM account a WHERE a.id = n.account_id)
              - (SELECT count(*) FROM operation o WHERE o.account_id = n.account_id AND o.phase IN ('hinted', 'running')) AS free
            FROM lap CROSS JOIN LATERAL (
              WITH RECURSIVE walk AS (
                SELECT lap.place, lap.after AS account_id, 0::bigint AS request_id
                UNION ALL
                SELECT w.place + 1, o.account_id, o.request_id FROM walk w CROSS JOIN LATERAL (
                  SELECT o.account_id, o.request_id FROM operation o WHERE o.phase = 'ready' AND o.account_id > w.account_id
                  ORDER BY o.account_id, o.priority DESC, o.request_id LIMIT 1
                ) o
                WHERE lap.upto IS NULL OR o.account_id <= lap.upto
              )
              SELECT * FROM walk WHERE request_id > 0
            ) n OFFSET 0
          ) w WHERE w.free > 0 LIMIT most
        ), turns AS (
          SELECT f.place, f.account_id, f.request_id, 1::bigint AS turn FROM open f
          UNION ALL
          -- Where fewer accounts wait than a round can serve, more of each: at the most what leaves a turn to every other.
          SELECT f.place, f.account_id, next.request_id, next.turn
          FROM open f CROSS JOIN (SELECT count(*) AS count FROM open) n CROSS JOIN LATERAL (
            SELECT o.request_id, row_number() OVER (ORDER BY o.priority DESC, o.request_id) AS turn
            FROM operation o WHERE o.account_id = f.account_id AND o.phase = 'ready'
            ORDER BY o.priority DESC, o.request_id OFFSET 1 LIMIT least(f.free - 1, most - n.count)
          ) next
          WHERE n.count < most AND f.free > 1
        ), chosen AS MATERIALIZED (
          SELECT t.* FROM turns t ORDER BY t.turn, t.place LIMIT most
        ), lost AS (
          SELECT o.request_id FROM operation o WHERE o.phase = 'hinted' AND o.due_at <= now()
          ORDER BY o.due_at LIMIT most FOR UPDATE SKIP LOCKED
        ), due AS (
          -- A row that somebody else has locked is left for the next round: nobody else's turn waits for it.
          SELECT o.request_id FROM (
            SELECT t.request_id FROM chosen t UNION ALL SELECT l.request_id FROM lost l
          ) c JOIN operation o ON o.request_id = c.request_id
          WHERE o.phase IN ('ready', 'hinted') FOR UPDATE OF o SKIP LOCKED
        ), hinted AS (
          UPDATE operation o SET phase = 'hinted', epoch = o.epoch + 1, due_at = now() + redispatch
          FROM due WHERE o.request_id = due.request_id
          RETURNING o.request_id, o.epoch, o.priority
        ), turned AS (
          UPDATE turn SET served = c.account_id FROM (SELECT t.account_id FROM chosen t ORDER BY t.turn DESC, t.place DESC LIMIT 1) c
          WHERE turn.of = 'operations'
        )
        SELECT h.request_id, h.epoch FROM hinted h ORDER BY h.priority DESC, h.request_id;
      END $$;
  `,
  `
      CREATE OR REPLACE FUNCTION dispatch_deliveries(most integer, redispatch interval, in_flight integer, unproven_in_flight integer)
      RETURNS TABLE (id text, epoch integer) LANGUAGE plpgsql
      SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
      #variable_conflict use_column
      DECLARE moved integer;
      BEGIN
        PERFORM set_config('synchronous_commit', 'off', true);
        PERFORM pg_advisory_xact_lock(7164225003);

        -- An attempt whose worker went silent has an unknown outcome; the receiver may have seen it.
        WITH lost AS (
          SELECT d.id FROM delivery d WHERE d.phase = 'running' AND d.due_at <= now()
          ORDER BY d.due_at LIMIT most FOR UPDATE SKIP LOCKED
        ), freed AS (
          UPDATE delivery d SET phase = 'ready', due_at = now(), run_at = now(), lease_token = NULL
          FROM lost WHERE d.id = lost.id RETURNING d.id, d.attempt_count
        )
        UPDATE attempt a SET outcome = 'unknown', error = 'worker_lost'
        FROM freed WHERE a.delivery_id = freed.id AND a.number = freed.attempt_count AND a.outcome = 'started';

        LOOP
          WITH timely AS (
            SELECT d.seq FROM delivery d WHERE d.phase = 'scheduled' AND d.due_at <= now()
            ORDER BY d.due_at LIMIT 25 * most FOR UPDATE SKIP LOCKED
          )
          UPDATE delivery d SET phase = 'ready' FROM timely WHERE d.seq = timely.seq;
          GET DIAGNOSTICS moved = ROW_COUNT;
          EXIT WHEN moved < 25 * most OR clock_timestamp() > now() + interval '1 second';
        END LOOP;

        -- What was held for an endpoint that is enabled again is sent; what was held for one that is gone is owed no more.
        -- Here and nowhere else, so that a delivery made while the endpoint was being enabled or deleted isn't held for ever.
        WITH RECURSIVE holding AS (
          (SELECT d.endpoint_id FROM delivery d WHERE d.phase = 'held' ORDER BY d.endpoint_id LIMIT 1)
          UNION ALL
          SELECT (SELECT d.endpoint_id FROM delivery d WHERE d.phase = 'held' AND d.endpoint_id > h.endpoint_id ORDER BY d.endpoint_id LIMIT 1)
          FROM holding h WHERE h.endpoint_id IS NOT NULL
        ), freed AS (
          SELECT r.seq, e.id IS NULL AS gone
          FROM holding h LEFT JOIN endpoint e ON e.id = h.endpoint_id CROSS JOIN LATERAL (
            SELECT d.seq FROM delivery d WHERE d.phase = 'held' AND d.endpoint_id = h.endpoint_id
            ORDER BY d.seq LIMIT most FOR UPDATE SKIP LOCKED
          ) r
          WHERE e.disabled_at IS NULL
        )
        UPDATE delivery d SET state = CASE WHEN f.gone THEN 'Canceled' ELSE d.state END,
          reason = CASE WHEN f.gone THEN 'endpoint_deleted' END, phase = CASE WHEN f.gone THEN NULL ELSE 'ready' END,
          due_at = CASE WHEN f.gone THEN NULL ELSE now() END, run_at = CASE WHEN f.gone THEN NULL ELSE now() END, owed_since = now()
        FROM freed f WHERE d.seq = f.seq;

        RETURN QUERY
        WITH RECURSIVE waiting AS (
          (SELECT d.lane FROM delivery d WHERE d.phase = 'ready' ORDER BY d.lane LIMIT 1)
          UNION ALL
          SELECT (SELECT d.lane FROM delivery d WHERE d.phase = 'ready' AND d.lane > w.lane ORDER BY d.lane LIMIT 1)
          FROM waiting w WHERE w.lane IS NOT NULL
        ), lanes AS (
          SELECT w.lane, coalesce(e.origin, w.lane) AS origin, k.proven_at IS NOT NULL AS proven,
            -- What the rate allows now, at most a second's worth at once.
            CASE WHEN e.rate_per_s IS NULL THEN most
              ELSE floor(least(extract(epoch FROM now() - greatest(e.rate_used_until, now() - interval '1 day')) * e.rate_per_s, greatest(e.rate_per_s, 1)))::integer END AS allowance,
            coalesce(e.max_in_flight, in_flight)
              - CASE WHEN e.max_in_flight IS NULL THEN 0 ELSE (SELECT count(*) FROM delivery d WHERE d.lane = w.lane AND d.phase IN ('hinted', 'running')) END AS free,
            -- Of its origin. Unproven: one at once and 60 a minute. Here and not joined by origin, which without statistics compares all with all.
            CASE WHEN k.rests_until > now() THEN 0 WHEN k.proven_at IS NOT NULL THEN in_flight
              WHEN cardinality(k.asked_at) = 60 AND k.asked_at[1] > now() - interval '1 minute' THEN 0 ELSE 1 END
              - (SELECT count(*) FROM delivery d WHERE d.origin = coalesce(e.origin, w.lane) AND d.phase IN ('hinted', 'running')) AS origin_free
          FROM waiting w LEFT JOIN endpoint e ON e.id = w.lane LEFT JOIN origin k ON k.name = coalesce(e.origin, w.lane) WHERE w.lane IS NOT NULL
        ), open AS (
          -- Each of them has a turn: what a round leaves to one lane is less by that.
          SELECT count(DISTINCT l.origin) AS origins FROM lanes l WHERE least(l.free, l.allowance, l.origin_free) > 0
        ), places AS (
          SELECT next.seq, next.turn, l.proven, l.origin_free,
            row_number() OVER (PARTITION BY l.origin ORDER BY next.turn, next.seq) AS place
          FROM lanes l CROSS JOIN open n CROSS JOIN LATERAL (
            SELECT d.seq, row_number() OVER (ORDER BY d.run_at, d.seq) AS turn
            FROM delivery d WHERE d.lane = l.lane AND d.phase = 'ready'
            ORDER BY d.run_at, d.seq LIMIT least(greatest(least(l.free, l.allowance, l.origin_free), 0), greatest(most + 1 - n.origins, 1))
          ) next
        ), turns AS (
          -- Unproven origins together leave room for the others, however many of them hang.
          (SELECT p.seq, p.turn FROM places p WHERE p.proven AND p.place <= p.origin_free)
          UNION ALL
          (SELECT p.seq, p.turn FROM places p WHERE NOT p.proven AND p.place <= p.origin_free ORDER BY p.turn, p.seq
            LIMIT greatest(0, unproven_in_flight - (
              SELECT count(*) FROM delivery d LEFT JOIN origin k ON k.name = d.origin
              WHERE d.phase IN ('hinted', 'running') AND k.proven_at IS NULL)))
        ), lost AS (
          SELECT d.seq FROM delivery d WHERE d.phase = 'hinted' AND d.due_at <= now()
          ORDER BY d.due_at LIMIT most FOR UPDATE SKIP LOCKED
        ), due AS (
          SELECT d.seq, d.endpoint_id FROM (
            (SELECT t.seq FROM turns t ORDER BY t.turn, t.seq LIMIT most) UNION ALL SELECT l.seq FROM lost l
          ) c JOIN delivery d ON d.seq = c.seq
          WHERE d.phase IN ('ready', 'hinted') FOR UPDATE OF d SKIP LOCKED
        ), hinted AS (
          -- To where the endpoint is now: its headers are meant for that host, and its origin is what the caps count.
          UPDATE delivery d SET phase = 'hinted', epoch = d.epoch + 1, due_at = now() + redispatch,
            url = coalesce(e.url, d.url), origin = coalesce(e.origin, d.origin)
          FROM due LEFT JOIN endpoint e ON e.id = due.endpoint_id WHERE d.seq = due.seq
          RETURNING d.id, d.epoch, d.lane, d.origin
        ), used AS (
          UPDATE endpoint e SET rate_used_until = greatest(e.rate_used_until, now() - make_interval(secs => greatest(1, 1 / e.rate_per_s))) + make_interval(secs => n.count / e.rate_per_s)
          FROM (SELECT h.lane, count(*) AS count FROM hinted h GROUP BY h.lane) n
          WHERE e.id = n.lane AND e.rate_per_s IS NOT NULL
        ), asked AS (
          INSERT INTO origin (name, asked_at)
          SELECT DISTINCT h.origin, ARRAY[now()] FROM hinted h
          WHERE NOT EXISTS (SELECT FROM origin k WHERE k.name = h.origin AND k.proven_at IS NOT NULL)
          ON CONFLICT (name) DO UPDATE SET asked_at = (origin.asked_at || now())[greatest(1, cardinality(origin.asked_at) - 58):]
        )
        SELECT h.id, h.epoch FROM hinted h;
      END $$;
  `,
];
