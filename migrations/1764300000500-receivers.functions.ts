import { ONE_PLAN } from './1764100000010-dispatch.js';

/** Accounts that are looked at of those whose callbacks wait at an origin, and URLs of an account, each round from elsewhere. */
const MOST_LOOKED_AT = 200;

/**
 * The receivers of an account's callbacks that wait at an origin and may get one now, in a circle behind `start`, and how many
 * they may get. `flying` are the receivers that have some in flight; `mine` and `doubted` count what is in flight to receivers
 * that aren't known to answer: the account's, and all; `most_mine` and `most_all`, by their doubt, how much of that may be.
 */
const RECEIVERS_OF = `
      CREATE FUNCTION receivers_of(home text, payer bigint, most integer, in_flight integer, start bigint, proven boolean, closed boolean,
        flying bigint[], mine integer, doubted integer, most_mine integer[], most_all integer[])
      RETURNS TABLE (nth bigint, receiver bigint, seq bigint, doubt integer, free integer) LANGUAGE sql STABLE AS $$
      SELECT a.nth, a.receiver, a.seq, a.doubt, a.free FROM (
        SELECT r.*, count(*) FILTER (WHERE r.doubt > 0) OVER (ROWS UNBOUNDED PRECEDING) AS nth_doubted FROM (
          SELECT n.*, CASE WHEN n.doubt = 0 THEN in_flight - in_flight / 5 - cardinality(array_positions(flying, n.receiver))
            WHEN n.rests_until > now() OR (n.doubt = 2 AND closed) OR mine >= most_mine[n.doubt] OR doubted >= most_all[n.doubt] THEN 0
            ELSE 1 - cardinality(array_positions(flying, n.receiver)) END AS free
          FROM (
            SELECT w.*, k.rests_until, CASE WHEN NOT proven THEN 2 WHEN k.answers THEN 0 WHEN k.answers IS NULL THEN 1 ELSE 2 END AS doubt FROM (
              SELECT row_number() OVER () AS nth, w.receiver, w.seq FROM (
                VALUES ((payer << 32) | (start & 4294967295), (payer << 32) | 4294967295), (payer << 32, (payer << 32) | (start & 4294967295))
              ) lap (after, upto) CROSS JOIN LATERAL (
                WITH RECURSIVE walk AS (
                  SELECT lap.after AS receiver, NULL::bigint AS seq
                  UNION ALL
                  SELECT d.receiver, d.seq FROM walk w CROSS JOIN LATERAL (
                    SELECT d.receiver, d.seq FROM delivery d WHERE d.phase = 'ready' AND d.lane = home AND d.receiver > w.receiver AND d.receiver <= lap.upto
                    ORDER BY d.lane, d.receiver, d.run_at, d.seq LIMIT 1
                  ) d
                )
                SELECT * FROM walk w WHERE w.seq IS NOT NULL
              ) w LIMIT ${MOST_LOOKED_AT}
            ) w LEFT JOIN LATERAL (SELECT k.answers, k.rests_until FROM receiver k WHERE k.lane = home AND k.receiver = w.receiver LIMIT 1) k ON true OFFSET 0
          ) n OFFSET 0
        ) r WHERE r.free > 0
      ) a WHERE a.doubt = 0 OR a.nth_doubted + mine <= most_mine[a.doubt]
      LIMIT most
      $$`;

/**
 * Up to `wanted` callbacks that wait at an origin, in the order in which they are sent: accounts take turns, unless only `lone`
 * has any there, and an account's URLs do; those of one URL go by age. With each its account, its doubt, and how many more such may be in flight.
 */
const READY_AT = `
      CREATE FUNCTION ready_at(home text, wanted integer, in_flight integer, start bigint, proven boolean, closed boolean, lone bigint, most_mine integer[], most_all integer[])
      RETURNS TABLE (turn integer, seq bigint, payer bigint, doubt integer, mine integer, everyone integer) LANGUAGE plpgsql STABLE AS $$
      #variable_conflict use_column
      DECLARE
        flying bigint[]; doubting bigint[]; doubted integer; payers bigint[]; seqs bigint[]; owners bigint[]; doubts integer[]; share integer := 1; deepest integer;
      BEGIN
        SELECT coalesce(array_agg(d.receiver) FILTER (WHERE d.lane = home), '{}'),
          coalesce(array_agg(hashtext(d.account_id)::bigint) FILTER (WHERE d.doubt > 0), '{}') INTO flying, doubting
        FROM (
          SELECT d.lane, d.receiver, d.account_id, d.doubt FROM delivery d
          WHERE d.origin = home AND d.phase IN ('hinted', 'running') ORDER BY d.due_at LIMIT in_flight
        ) d;
        doubted := cardinality(doubting);

        IF wanted = 1 OR lone IS NULL THEN
          -- The first of each account, of as many accounts as are wanted.
          SELECT array_agg(a.payer), array_agg(a.seq), array_agg(a.doubt) INTO payers, seqs, doubts FROM (
            SELECT w.payer, r.seq, r.doubt FROM (
              SELECT w.last >> 32 AS payer FROM (
                VALUES (start | 4294967295, 9223372036854775807), ('-9223372036854775808'::bigint, start | 4294967295)
              ) lap (after, upto) CROSS JOIN LATERAL (
                WITH RECURSIVE walk AS (
                  SELECT lap.after AS last, false AS found
                  UNION ALL
                  SELECT d.receiver | 4294967295, true FROM walk w CROSS JOIN LATERAL (
                    SELECT d.receiver FROM delivery d WHERE d.phase = 'ready' AND d.lane = home AND d.receiver > w.last AND d.receiver <= lap.upto
                    ORDER BY d.lane, d.receiver, d.run_at, d.seq LIMIT 1
                  ) d
                )
                SELECT * FROM walk w WHERE w.found
              ) w LIMIT ${MOST_LOOKED_AT}
            ) w CROSS JOIN LATERAL receivers_of(home, w.payer, 1, in_flight, start, proven, closed, flying,
              cardinality(array_positions(doubting, w.payer)), doubted, most_mine, most_all) r
            LIMIT wanted
          ) a;
          owners := payers;
        ELSE
          payers := ARRAY[lone];
          seqs := '{}';
        END IF;

        -- More of each, where that is not enough: those that have few leave it to the others.
        WHILE cardinality(seqs) < wanted AND share < wanted AND deepest IS NOT DISTINCT FROM nullif(share, 1) LOOP
          share := CASE share WHEN 1 THEN (wanted + cardinality(payers) - 1) / cardinality(payers) ELSE least(4 * share, wanted) END;
          WITH waiting AS (
            SELECT a.place, a.payer, r.* FROM unnest(payers) WITH ORDINALITY AS a (payer, place)
            CROSS JOIN LATERAL receivers_of(home, a.payer, share, in_flight, start, proven, closed, flying,
              cardinality(array_positions(doubting, a.payer)), doubted, most_mine, most_all) r
          ), everything AS (
            SELECT w.place, w.payer, w.nth, w.seq, w.doubt, 1::bigint AS turn FROM waiting w
            UNION ALL
            SELECT w.place, w.payer, w.nth, next.seq, w.doubt, next.turn FROM waiting w CROSS JOIN LATERAL (
              SELECT d.seq, row_number() OVER (ORDER BY d.run_at, d.seq) AS turn FROM delivery d
              WHERE d.lane = home AND d.receiver = w.receiver AND d.phase = 'ready'
              ORDER BY d.run_at, d.seq OFFSET 1 LIMIT least(w.free, share) - 1
            ) next
            WHERE w.free > 1 AND share > 1
          ), owned AS (
            SELECT e.*, row_number() OVER (PARTITION BY e.place ORDER BY e.turn, e.nth) AS nth_of_own FROM everything e
          )
          SELECT array_agg(o.seq), array_agg(o.payer), array_agg(o.doubt), (SELECT max(o.nth_of_own) FROM owned o WHERE o.nth_of_own <= share) INTO seqs, owners, doubts, deepest
          FROM (SELECT * FROM owned o WHERE o.nth_of_own <= share ORDER BY o.nth_of_own, o.place LIMIT wanted) o;
        END LOOP;
        RETURN QUERY SELECT a.turn::integer, a.seq, a.payer, a.doubt,
          most_mine[a.doubt] - cardinality(array_positions(doubting, a.payer)), most_all[a.doubt] - doubted
        FROM unnest(seqs, owners, doubts) WITH ORDINALITY AS a (seq, payer, doubt, turn);
      END $$`;

/** Hints deliveries: those whose receivers are known to answer within their origin's room, the others within a part of it. */
const DELIVERIES = `
      CREATE FUNCTION dispatch_deliveries(most integer, redispatch interval, in_flight integer, unproven_in_flight integer, start bigint)
      RETURNS TABLE (id text, epoch integer) LANGUAGE plpgsql
      ${ONE_PLAN} AS $$
      #variable_conflict use_column
      DECLARE
        moved integer; freed tid[]; gone tid[]; lost bigint[]; chosen bigint[]; due tid[];
        -- Where the round's lap over the lanes begins, how far it has come, and whether that is round the circle's end.
        begun text; reached text; wrapped boolean := false; last_served text; asked integer := most; found integer;
        -- Of each lane with room, in the circle's order: its first row and who receives it, and what it and its origin have room for.
        lanes text[]; heads bigint[]; origins text[]; receivers bigint[]; payers bigint[]; doubts integer[]; provens boolean[]; closeds boolean[]; severals boolean[]; lones bigint[];
        frees integer[]; rooms integer[]; mines integer[]; alls integer[];
        places integer; doubtful integer; unproven_left integer; quota integer; deepest integer; silent bigint[]; unknown bigint[];
        -- Most places of an origin of receivers that aren't known to answer, by their doubt: those of one account, and all.
        most_mine integer[] := ARRAY[greatest(1, in_flight * 2 / 5), greatest(1, in_flight / 5)];
        most_all integer[] := ARRAY[greatest(1, in_flight * 4 / 5), greatest(1, in_flight * 2 / 5)];
      BEGIN
        PERFORM set_config('synchronous_commit', 'off', true);
        PERFORM pg_advisory_xact_lock(7164225003);

        -- An attempt whose worker went silent has an unknown outcome; the receiver may have seen it.
        due := ARRAY(SELECT d.ctid FROM delivery d WHERE d.phase = 'running' AND d.due_at <= now()
          ORDER BY d.due_at LIMIT most FOR UPDATE SKIP LOCKED);
        WITH freed AS (
          UPDATE delivery d SET phase = 'ready', due_at = now(), run_at = now(), lease_token = NULL
          WHERE d.ctid = ANY (due) RETURNING d.id, d.attempt_count
        )
        UPDATE attempt a SET outcome = 'unknown', error = 'worker_lost'
        WHERE a.delivery_id = ANY (ARRAY(SELECT f.id FROM freed f)) AND a.outcome = 'started'
          AND a.number = (SELECT f.attempt_count FROM freed f WHERE f.id = a.delivery_id);

        LOOP
          due := ARRAY(SELECT d.ctid FROM delivery d WHERE d.phase = 'scheduled' AND d.due_at <= now()
            ORDER BY d.due_at LIMIT 25 * most FOR UPDATE SKIP LOCKED);
          EXIT WHEN due = '{}';
          UPDATE delivery d SET phase = 'ready' WHERE d.ctid = ANY (due);
          EXIT WHEN cardinality(due) < 25 * most OR clock_timestamp() > now() + interval '1 second';
        END LOOP;

        -- A lost hint to an endpoint that has moved waits for room where that is now.
        due := ARRAY(SELECT d.ctid FROM delivery d WHERE d.phase = 'hinted' AND d.due_at <= now()
            AND d.origin <> (SELECT e.origin FROM endpoint e WHERE e.id BETWEEN d.endpoint_id AND d.endpoint_id ORDER BY e.id LIMIT 1)
          ORDER BY d.due_at LIMIT most FOR UPDATE SKIP LOCKED);
        UPDATE delivery d SET phase = 'ready', due_at = now(), hinted_at = NULL WHERE d.ctid = ANY (due);

        -- What was held for an endpoint that is enabled again is sent; what was held for one that is gone is owed no more.
        -- Here and nowhere else, so that a delivery made while the endpoint was being enabled or deleted isn't held for ever.
        -- Some endpoints a round, in a circle: however many are disabled, the others' deliveries pay little for them.
        SELECT t.served INTO begun FROM turn t WHERE t.of = 'held';
        WITH lap (after, upto) AS (
          VALUES (begun, NULL), ('', begun)
        ), holding AS MATERIALIZED (
          SELECT n.endpoint_id FROM lap CROSS JOIN LATERAL (
            WITH RECURSIVE walk AS (
              SELECT lap.after AS endpoint_id, 0::bigint AS seq
              UNION ALL
              SELECT d.endpoint_id, d.seq FROM walk w CROSS JOIN LATERAL (
                SELECT d.endpoint_id, d.seq FROM delivery d WHERE d.phase = 'held' AND d.endpoint_id > w.endpoint_id
                ORDER BY d.endpoint_id, d.seq LIMIT 1
              ) d
              WHERE lap.upto IS NULL OR d.endpoint_id <= lap.upto
            )
            SELECT w.endpoint_id FROM walk w WHERE w.seq > 0
          ) n LIMIT most / 4 + 1
        ), over AS (
          SELECT h.endpoint_id, e.id IS NULL AS gone FROM holding h
          LEFT JOIN LATERAL (SELECT e.id, e.disabled_at FROM endpoint e WHERE e.id BETWEEN h.endpoint_id AND h.endpoint_id ORDER BY e.id LIMIT 1) e ON true
          WHERE e.disabled_at IS NULL OFFSET 0
        ), released AS (
          SELECT r.ctid, o.gone FROM over o CROSS JOIN LATERAL (
            SELECT d.ctid FROM delivery d WHERE d.phase = 'held' AND d.endpoint_id = o.endpoint_id
            ORDER BY d.seq LIMIT most FOR UPDATE SKIP LOCKED
          ) r
        )
        SELECT (SELECT count(*) FROM holding), (SELECT (array_agg(h.endpoint_id))[count(*)] FROM holding h),
          array_agg(r.ctid) FILTER (WHERE NOT r.gone), array_agg(r.ctid) FILTER (WHERE r.gone)
        INTO found, reached, freed, gone FROM released r;
        IF found > most / 4 THEN
          UPDATE turn t SET served = reached WHERE t.of = 'held';
        END IF;
        IF freed IS NOT NULL THEN
          UPDATE delivery d SET phase = 'ready', reason = NULL, due_at = now(), run_at = now(), owed_since = now() WHERE d.ctid = ANY (freed);
        END IF;
        IF gone IS NOT NULL THEN
          UPDATE delivery d SET state = 'Canceled', phase = NULL, reason = 'endpoint_deleted', due_at = NULL, run_at = NULL, owed_since = now()
          WHERE d.ctid = ANY (gone);
        END IF;

        -- Lanes take turns in a circle, from the one that was served last, and no more are looked at than a round can serve.
        -- Lanes of one origin share its room, so that many of them may be fewer places: then the lap goes on.
        SELECT t.served INTO begun FROM turn t WHERE t.of = 'deliveries';
        reached := begun;
        LOOP
          WITH lap (number, after, upto) AS (
            VALUES (1, reached, CASE WHEN wrapped THEN begun END), (2, '', begun)
          ), lane AS (
            SELECT n.number, n.lane, n.receiver, n.seq, coalesce(e.origin, n.lane) AS origin, k.proven_at IS NOT NULL AS proven, k.receiver = '' AS shared, coalesce(e.payer, n.receiver >> 32) AS payer,
              least(CASE WHEN e.max_in_flight IS NULL THEN in_flight ELSE e.max_in_flight - (SELECT count(*) FROM (
                SELECT FROM delivery d WHERE d.lane = n.lane AND d.phase IN ('hinted', 'running') AND d.endpoint_id IS NOT NULL
                ORDER BY d.due_at LIMIT e.max_in_flight) c)
              END, e.allowance) AS free,
              -- Of its origin. Unproven: one at once and 60 a minute.
              CASE WHEN k.rests_until > now() THEN 0 WHEN k.proven_at IS NOT NULL THEN in_flight
                WHEN doubtful >= unproven_left OR (cardinality(k.asked_at) = 60 AND k.asked_at[1] > now() - interval '1 minute') THEN 0 ELSE 1 END AS cap
            FROM (SELECT * FROM lap l WHERE l.number = 1 OR NOT wrapped) lap CROSS JOIN LATERAL (
              WITH RECURSIVE walk AS (
                SELECT lap.number, lap.after AS lane, 0::bigint AS receiver, 0::bigint AS seq
                UNION ALL
                SELECT w.number, d.lane, d.receiver, d.seq FROM walk w CROSS JOIN LATERAL (
                  SELECT d.lane, d.receiver, d.seq FROM delivery d WHERE d.phase = 'ready' AND d.lane > w.lane
                  ORDER BY d.lane, d.receiver, d.run_at, d.seq LIMIT 1
                ) d
                WHERE lap.upto IS NULL OR d.lane <= lap.upto
              )
              SELECT * FROM walk w WHERE w.seq > 0
            ) n LEFT JOIN LATERAL (
              -- What the rate allows now, at most a second's worth at once. (The name of an origin is no endpoint's id.)
              SELECT e.origin, e.max_in_flight, hashtext(e.account_id)::bigint AS payer, CASE WHEN e.rate_per_s IS NOT NULL THEN floor(least(extract(epoch FROM
                now() - greatest(e.rate_used_until, now() - interval '1 day')) * e.rate_per_s, greatest(e.rate_per_s, 1)))::integer END AS allowance
              FROM endpoint e WHERE e.id BETWEEN n.lane AND n.lane AND position('://' IN n.lane) = 0 ORDER BY e.id LIMIT 1
            ) e ON true LEFT JOIN LATERAL (
              SELECT k.proven_at, k.rests_until, k.asked_at, k.receiver FROM origin k WHERE k.name = coalesce(e.origin, n.lane) LIMIT 1
            ) k ON true OFFSET 0
          ), roomy AS (
            SELECT r.* FROM (
              SELECT l.*, f.flying, l.cap - f.flying AS room, coalesce(doubtful >= unproven_left, false) AS closed FROM lane l CROSS JOIN LATERAL (
                SELECT count(*)::integer AS flying FROM (
                  SELECT FROM delivery d WHERE d.origin = l.origin AND d.phase IN ('hinted', 'running') ORDER BY d.due_at LIMIT l.cap) d
              ) f WHERE l.free > 0 AND l.cap > 0 OFFSET 0
            ) r WHERE r.room > 0
          ), first AS (
            -- Of an origin whose callbacks go to several URLs, the one whose turn it is.
            SELECT r.*, z.last > r.receiver AS several, CASE WHEN z.last >> 32 = r.receiver >> 32 THEN r.payer END AS lone,
              v.receiver AS first, v.seq AS first_seq, v.payer AS first_payer
            FROM roomy r CROSS JOIN LATERAL (
              SELECT CASE WHEN position('://' IN r.lane) = 0 THEN r.receiver ELSE (
                SELECT d.receiver FROM delivery d WHERE d.phase = 'ready' AND d.lane = r.lane
                ORDER BY d.lane DESC, d.receiver DESC, d.run_at DESC, d.seq DESC LIMIT 1) END AS last OFFSET 0
            ) z CROSS JOIN LATERAL (
              SELECT r.receiver, r.seq, r.payer WHERE z.last = r.receiver
              UNION ALL
              SELECT n.receiver, n.seq, p.payer FROM (
                SELECT CASE WHEN z.last >> 32 = r.payer THEN r.payer ELSE coalesce((
                  SELECT d.receiver >> 32 FROM delivery d WHERE d.phase = 'ready' AND d.lane = r.lane AND d.receiver > (start | 4294967295)
                  ORDER BY d.lane, d.receiver, d.run_at, d.seq LIMIT 1), r.payer) END AS payer
                WHERE z.last > r.receiver OFFSET 0
              ) p CROSS JOIN LATERAL (
                SELECT d.* FROM (
                  VALUES ((p.payer << 32) | (start & 4294967295), (p.payer << 32) | 4294967295), (p.payer << 32, (p.payer << 32) | (start & 4294967295))
                ) lap (after, upto) CROSS JOIN LATERAL (
                  SELECT d.receiver, d.seq FROM delivery d WHERE d.phase = 'ready' AND d.lane = r.lane AND d.receiver > lap.after AND d.receiver <= lap.upto
                  ORDER BY d.lane, d.receiver, d.run_at, d.seq LIMIT 1
                ) d LIMIT 1
              ) n
            ) v
          ), judged AS (
            SELECT j.*, most_mine[j.doubt] - j.mine AS mine_left, most_all[j.doubt] - j.doubted AS all_left,
              -- One that answers leaves a fifth to the others, where there are others.
              CASE WHEN j.doubt = 0 THEN least(j.free, in_flight - CASE WHEN j.several OR j.shared THEN in_flight / 5 ELSE 0 END - j.own)
                WHEN j.rests_until > now() OR (j.doubt = 2 AND j.closed) THEN 0
                ELSE least(j.free, 1 - j.own, most_mine[j.doubt] - j.mine, most_all[j.doubt] - j.doubted) END AS share
            FROM (
              SELECT f.*, CASE WHEN NOT f.proven THEN 2 WHEN k.answers THEN 0 WHEN k.answers IS NULL THEN 1 ELSE 2 END AS doubt, k.rests_until, c.own, c.mine, c.doubted
              FROM first f LEFT JOIN LATERAL (
                SELECT k.answers, k.rests_until FROM receiver k WHERE k.lane = f.lane AND k.receiver = f.first LIMIT 1
              ) k ON true CROSS JOIN LATERAL (
                SELECT count(*) FILTER (WHERE d.lane = f.lane AND d.receiver = f.first)::integer AS own,
                  count(*) FILTER (WHERE d.doubt > 0 AND hashtext(d.account_id) = f.first_payer)::integer AS mine, count(*) FILTER (WHERE d.doubt > 0)::integer AS doubted
                FROM (SELECT d.lane, d.receiver, d.doubt, d.account_id FROM delivery d
                  WHERE f.flying > 0 AND d.origin = f.origin AND d.phase IN ('hinted', 'running') ORDER BY d.due_at LIMIT f.cap) d
              ) c OFFSET 0
            ) j OFFSET 0
          ), open AS (
            SELECT j.number, j.lane, j.origin, j.receiver, j.proven, j.closed, j.several, j.lone, j.room, h.* FROM judged j CROSS JOIN LATERAL (
              SELECT j.first_seq AS seq, j.first_payer AS payer, j.doubt, j.mine_left AS mine, j.all_left AS everyone, CASE WHEN j.several THEN in_flight ELSE j.share END AS free
              WHERE j.share > 0
              UNION ALL
              SELECT a.seq, a.payer, a.doubt, a.mine, a.everyone, in_flight
              FROM (SELECT WHERE j.several AND j.share <= 0) many
              CROSS JOIN LATERAL ready_at(j.lane, 1, in_flight, start, j.proven, j.closed, NULL, most_mine, most_all) a
            ) h LIMIT asked
          )
          SELECT lanes || array_agg(o.lane), heads || array_agg(o.seq), origins || array_agg(o.origin), receivers || array_agg(o.receiver),
            payers || array_agg(o.payer), doubts || array_agg(o.doubt), provens || array_agg(o.proven), closeds || array_agg(o.closed), severals || array_agg(o.several), lones || array_agg(o.lone), frees || array_agg(o.free::integer),
            rooms || array_agg(o.room), mines || array_agg(o.mine), alls || array_agg(o.everyone), count(*), wrapped OR bool_or(o.number = 2)
          INTO lanes, heads, origins, receivers, payers, doubts, provens, closeds, severals, lones, frees, rooms, mines, alls, found, wrapped FROM open o;

          SELECT coalesce(sum(n.places) FILTER (WHERE NOT n.doubtful), 0), coalesce(sum(n.places) FILTER (WHERE n.doubtful), 0) INTO places, doubtful
          FROM (
            SELECT l.doubt = 2 AS doubtful, least(min(l.room), count(*)) AS places FROM unnest(origins, doubts, rooms) AS l (origin, doubt, room)
            GROUP BY l.origin, l.doubt = 2
          ) n;
          -- Those that have gone silent or never answered leave room for the others, however many of them hang. Counted only where one waits.
          IF unproven_left IS NULL AND (doubtful > 0 OR true = ANY (severals)) THEN
            SELECT unproven_in_flight - count(*) INTO unproven_left FROM (
              SELECT FROM delivery d WHERE d.phase IN ('hinted', 'running') AND d.doubt = 2 ORDER BY d.origin, d.due_at LIMIT unproven_in_flight) u;
          END IF;
          places := places + least(doubtful, unproven_left);
          EXIT WHEN found < asked OR places >= most;
          asked := most - places;
          reached := lanes[cardinality(lanes)];
        END LOOP;

        -- As accounts do.
        quota := least((most + cardinality(lanes) - 1) / greatest(cardinality(lanes), 1), most + 1 - places);
        LOOP
          WITH open AS (
            SELECT l.*, least(l.free, l.room, quota) AS share
            FROM unnest(lanes, heads, origins, receivers, payers, doubts, provens, closeds, severals, lones, frees, rooms, mines, alls) WITH ORDINALITY
              AS l (lane, seq, origin, receiver, payer, doubt, proven, closed, several, lone, free, room, mine, everyone, place)
          ), turns AS (
            SELECT l.lane, l.seq, l.origin, l.payer, l.doubt, l.room, l.mine, l.everyone, l.place, 1 AS turn FROM open l
            UNION ALL
            SELECT l.lane, next.seq, l.origin, l.payer, l.doubt, l.room, l.mine, l.everyone, l.place, next.turn FROM open l CROSS JOIN LATERAL (
              SELECT d.seq, row_number() OVER (ORDER BY d.run_at, d.seq) AS turn FROM delivery d
              WHERE d.lane = l.lane AND d.receiver = l.receiver AND d.phase = 'ready' ORDER BY d.run_at, d.seq OFFSET 1 LIMIT l.share - 1
            ) next
            WHERE l.share > 1 AND NOT l.several
            UNION ALL
            SELECT l.lane, next.seq, l.origin, next.payer, next.doubt, l.room, next.mine, next.everyone, l.place, next.turn
            FROM open l CROSS JOIN LATERAL ready_at(l.lane, l.share, in_flight, start, l.proven, l.closed, l.lone, most_mine, most_all) next
            WHERE l.share > 1 AND l.several AND next.turn > 1
          ), mine AS (
            SELECT t.*, row_number() OVER (PARTITION BY t.origin, t.payer ORDER BY t.turn, t.seq) AS nth FROM turns t WHERE t.doubt > 0
          ), everyone AS (
            SELECT m.*, row_number() OVER (PARTITION BY m.origin ORDER BY m.turn, m.seq) AS nth_of_all FROM mine m WHERE m.nth <= m.mine
          ), fit AS (
            SELECT t.lane, t.seq, t.origin, t.doubt, t.room, t.place, t.turn FROM turns t WHERE t.doubt = 0
            UNION ALL
            SELECT e.lane, e.seq, e.origin, e.doubt, e.room, e.place, e.turn FROM everyone e WHERE e.nth_of_all <= e.everyone
          ), shared AS (
            -- Oldest first among the lanes of an origin: those whose place in the circle comes late are not left behind for ever.
            SELECT f.*, row_number() OVER (PARTITION BY f.origin ORDER BY f.turn, f.seq) AS nth FROM fit f
          ), roomy AS (
            SELECT s.*, row_number() OVER (PARTITION BY s.doubt = 2 ORDER BY s.turn, s.seq) AS nth_of_kind FROM shared s WHERE s.nth <= s.room
          )
          SELECT array_agg(c.seq), (array_agg(c.lane))[count(*)], count(*), (SELECT max(t.turn) FROM turns t),
            array_agg(c.seq) FILTER (WHERE c.doubt = 2), array_agg(c.seq) FILTER (WHERE c.doubt = 1)
          INTO chosen, last_served, moved, deepest, silent, unknown FROM (
            SELECT r.seq, r.lane, r.doubt FROM roomy r WHERE r.doubt < 2 OR r.nth_of_kind <= unproven_left ORDER BY r.turn, r.place LIMIT most
          ) c;
          EXIT WHEN moved = most OR deepest IS NULL OR deepest < quota OR quota >= most;
          quota := least(4 * quota, most);
        END LOOP;
        IF last_served <> begun THEN
          UPDATE turn t SET served = last_served WHERE t.of = 'deliveries';
        END IF;

        lost := ARRAY(SELECT d.seq FROM delivery d WHERE d.phase = 'hinted' AND d.due_at <= now()
          ORDER BY d.due_at LIMIT most FOR UPDATE SKIP LOCKED);
        IF chosen IS NULL AND lost = '{}' THEN
          RETURN;
        END IF;
        due := ARRAY(SELECT d.ctid FROM delivery d WHERE d.seq = ANY (chosen || lost) AND d.phase IN ('ready', 'hinted')
          ORDER BY d.seq FOR UPDATE SKIP LOCKED);
        RETURN QUERY
        WITH hinted AS (
          -- To where the endpoint is now: its headers are meant for that host, and its origin is what the caps count.
          UPDATE delivery d SET phase = 'hinted', epoch = d.epoch + 1, due_at = now() + redispatch,
            hinted_at = CASE d.phase WHEN 'hinted' THEN coalesce(d.hinted_at, now()) ELSE now() END,
            doubt = CASE WHEN d.phase = 'hinted' THEN d.doubt WHEN d.seq = ANY (silent) THEN 2 WHEN d.seq = ANY (unknown) THEN 1 ELSE 0 END,
            url = coalesce((SELECT e.url FROM endpoint e WHERE e.id BETWEEN d.endpoint_id AND d.endpoint_id ORDER BY e.id LIMIT 1), d.url),
            origin = coalesce((SELECT e.origin FROM endpoint e WHERE e.id BETWEEN d.endpoint_id AND d.endpoint_id ORDER BY e.id LIMIT 1), d.origin)
          WHERE d.ctid = ANY (due)
          RETURNING d.id, d.epoch, d.origin, d.endpoint_id
        ), used AS (
          UPDATE endpoint e SET rate_used_until = greatest(e.rate_used_until, now() - make_interval(secs => greatest(1, 1 / e.rate_per_s)))
            + make_interval(secs => (SELECT count(*) FROM hinted h WHERE h.endpoint_id = e.id) / e.rate_per_s)
          WHERE e.ctid = ANY (ARRAY(
            SELECT r.ctid FROM (SELECT DISTINCT h.endpoint_id AS id FROM hinted h WHERE h.endpoint_id IS NOT NULL) h CROSS JOIN LATERAL (
              SELECT e.ctid FROM endpoint e WHERE e.id BETWEEN h.id AND h.id AND e.rate_per_s IS NOT NULL ORDER BY e.id LIMIT 1) r))
        ), asked AS (
          -- Nobody is looked up where every lane's origin was proven.
          INSERT INTO origin (name, asked_at)
          SELECT h.origin, ARRAY[now()] FROM (SELECT DISTINCT h.origin FROM hinted h) h
          WHERE (unproven_left IS NOT NULL OR lost <> '{}') AND (SELECT k.proven_at FROM origin k WHERE k.name = h.origin) IS NULL
          ON CONFLICT (name) DO UPDATE SET asked_at = (origin.asked_at || now())[greatest(1, cardinality(origin.asked_at) - 58):]
        )
        SELECT h.id, h.epoch FROM hinted h;
      END $$`;

/** In the order in which they are made. */
export const FUNCTIONS = [RECEIVERS_OF, READY_AT, DELIVERIES];
