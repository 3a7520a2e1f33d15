import type { MigrationInterface, QueryRunner } from 'typeorm';
import { EARLIER_DISPATCH } from './1764100000010-dispatch.earlier.js';

/**
 * Each statement of the dispatch has one plan that can serve it, whatever the tables hold and whether they were analysed: ways
 * that read more than they need are off, and an ORDER BY picks the one index there is for it. So a plan is made once a session,
 * and a LIMIT bounds what is read. Hence also: what was locked is updated by its `ctid`, which can't change any more; and an
 * endpoint is looked up BETWEEN its id and its id. For an equality alone, an index that has the id behind its account looks as
 * good while the table is empty, and all of it is read when that isn't so any more.
 */
export const ONE_PLAN = `SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
      SET enable_sort = off SET enable_incremental_sort = off SET enable_memoize = off SET jit = off SET plan_cache_mode = force_generic_plan`;

const OPERATIONS = `
      CREATE OR REPLACE FUNCTION dispatch_operations(most integer, redispatch interval)
      RETURNS TABLE (request_id bigint, epoch integer) LANGUAGE plpgsql
      ${ONE_PLAN} AS $$
      #variable_conflict use_column
      DECLARE
        moved integer; last_served text; accounts text[]; heads bigint[]; frees bigint[]; found integer;
        quota integer; deepest integer; chosen bigint[]; lost bigint[]; due tid[];
      BEGIN
        -- A dispatch that a crash forgets is made again, so nobody waits for the disk. (What a later commit waits for includes it.)
        PERFORM set_config('synchronous_commit', 'off', true);
        PERFORM pg_advisory_xact_lock(7164225002);

        -- Runs whose worker went silent wait again. Those without a try left stay for the undertaker.
        due := ARRAY(SELECT o.ctid FROM operation o WHERE o.phase = 'running' AND o.due_at <= now() AND o.attempt < o.tries
          ORDER BY o.due_at LIMIT most FOR UPDATE SKIP LOCKED);
        WITH freed AS (
          UPDATE operation o SET state = 'Waiting', phase = 'ready', due_at = now(), lease_token = NULL, status_text = 'Waiting...'
          WHERE o.ctid = ANY (due) RETURNING o.request_id
        )
        INSERT INTO history_entry (operation_id, kind, state, text)
        SELECT freed.request_id, 'transition', 'Waiting', 'The worker went silent; waiting for another' FROM freed;

        -- Many at once, and again while there are more: a herd of one account's must not hold up the others'.
        LOOP
          due := ARRAY(SELECT o.ctid FROM operation o WHERE o.phase = 'scheduled' AND o.due_at <= now()
            ORDER BY o.due_at LIMIT 25 * most FOR UPDATE SKIP LOCKED);
          EXIT WHEN due = '{}';
          UPDATE operation o SET phase = 'ready' WHERE o.ctid = ANY (due);
          EXIT WHEN cardinality(due) < 25 * most OR clock_timestamp() > now() + interval '1 second';
        END LOOP;

        -- Accounts take turns in a circle, from the one that was served last: as many are looked at as a round can serve.
        SELECT t.served INTO last_served FROM turn t WHERE t.of = 'operations';
        WITH lap (after, upto) AS (
          VALUES (last_served, NULL), ('', last_served)
        )
        SELECT array_agg(w.account_id), array_agg(w.request_id), array_agg(w.free), count(*) INTO accounts, heads, frees, found
        FROM (
          SELECT w.account_id, w.request_id, w.free FROM (
            SELECT n.account_id, n.request_id, (
              -- Ordered, because without statistics other indexes look as good, which read all that an account ever had.
              SELECT a.slots - (SELECT count(*) FROM (
                SELECT FROM operation o WHERE o.account_id = a.id AND o.phase IN ('hinted', 'running') ORDER BY o.due_at LIMIT a.slots) taken)
              FROM account a WHERE a.id = n.account_id) AS free
            FROM lap CROSS JOIN LATERAL (
              -- From one account's first row to the next account's: what else they have waiting isn't read.
              WITH RECURSIVE walk AS (
                SELECT lap.after AS account_id, 0::bigint AS request_id
                UNION ALL
                SELECT o.account_id, o.request_id FROM walk w CROSS JOIN LATERAL (
                  SELECT o.account_id, o.request_id FROM operation o WHERE o.phase = 'ready' AND o.account_id > w.account_id
                  ORDER BY o.account_id, o.priority DESC, o.request_id LIMIT 1
                ) o
                WHERE lap.upto IS NULL OR o.account_id <= lap.upto
              )
              SELECT * FROM walk w WHERE w.request_id > 0
            ) n OFFSET 0
          ) w WHERE w.free > 0 LIMIT most
        ) w;

        -- Each its first before any its second. Where fewer accounts wait than a round can serve, more of each: as many as make a
        -- round if all have them, and where some haven't, four times as many, so that little is read in vain.
        quota := least((most + found - 1) / greatest(found, 1), most + 1 - found);
        LOOP
          SELECT array_agg(c.request_id), (array_agg(c.account_id))[count(*)], count(*), max(c.turn) INTO chosen, last_served, moved, deepest
          FROM (
            SELECT t.* FROM (
              SELECT a.account_id, a.request_id, a.place, 1 AS turn FROM unnest(accounts, heads) WITH ORDINALITY AS a (account_id, request_id, place)
              UNION ALL
              SELECT a.account_id, next.request_id, a.place, next.turn
              FROM unnest(accounts, frees) WITH ORDINALITY AS a (account_id, free, place) CROSS JOIN LATERAL (
                SELECT o.request_id, row_number() OVER (ORDER BY o.priority DESC, o.request_id) AS turn
                FROM operation o WHERE o.account_id = a.account_id AND o.phase = 'ready'
                ORDER BY o.priority DESC, o.request_id OFFSET 1 LIMIT least(a.free, quota) - 1
              ) next
              WHERE a.free > 1 AND quota > 1
            ) t ORDER BY t.turn, t.place LIMIT most
          ) c;
          EXIT WHEN moved = most OR deepest IS DISTINCT FROM quota OR quota > most - found;
          quota := least(4 * quota, most + 1 - found);
        END LOOP;
        IF chosen IS NOT NULL THEN
          UPDATE turn t SET served = last_served WHERE t.of = 'operations';
        END IF;

        lost := ARRAY(SELECT o.request_id FROM operation o WHERE o.phase = 'hinted' AND o.due_at <= now()
          ORDER BY o.due_at LIMIT most FOR UPDATE SKIP LOCKED);
        IF chosen IS NULL AND lost = '{}' THEN
          RETURN;
        END IF;
        -- A row that somebody else has locked is left for the next round: nobody else's turn waits for it.
        due := ARRAY(SELECT o.ctid FROM operation o WHERE o.request_id = ANY (chosen || lost) AND o.phase IN ('ready', 'hinted')
          ORDER BY o.request_id FOR UPDATE SKIP LOCKED);
        RETURN QUERY
        WITH hinted AS (
          UPDATE operation o SET phase = 'hinted', epoch = o.epoch + 1, due_at = now() + redispatch,
            hinted_at = CASE o.phase WHEN 'hinted' THEN coalesce(o.hinted_at, now()) ELSE now() END
          WHERE o.ctid = ANY (due)
          RETURNING o.request_id, o.epoch, o.priority
        )
        SELECT h.request_id, h.epoch FROM hinted h ORDER BY h.priority DESC, h.request_id;
      END $$`;

const DELIVERIES = `
      CREATE OR REPLACE FUNCTION dispatch_deliveries(most integer, redispatch interval, in_flight integer, unproven_in_flight integer)
      RETURNS TABLE (id text, epoch integer) LANGUAGE plpgsql
      ${ONE_PLAN} AS $$
      #variable_conflict use_column
      DECLARE
        moved integer; freed tid[]; gone tid[]; lost bigint[]; chosen bigint[]; due tid[];
        -- Where the round's lap over the lanes begins, how far it has come, and whether that is round the circle's end.
        begun text; reached text; wrapped boolean := false; last_served text; asked integer := most; found integer;
        -- Of each lane with room, in the circle's order: its first row, and what it and its origin have room for.
        lanes text[]; heads bigint[]; origins text[]; provens boolean[]; frees integer[]; rooms integer[];
        places integer; doubtful integer; unproven_left integer; quota integer; deepest integer;
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
            SELECT n.number, n.lane, n.seq, coalesce(e.origin, n.lane) AS origin, k.proven_at IS NOT NULL AS proven,
              least(CASE WHEN e.max_in_flight IS NULL THEN in_flight ELSE e.max_in_flight - (SELECT count(*) FROM (
                SELECT FROM delivery d WHERE d.lane = n.lane AND d.phase IN ('hinted', 'running') ORDER BY d.due_at LIMIT e.max_in_flight) c)
              END, e.allowance) AS free,
              -- Of its origin. Unproven: one at once and 60 a minute.
              CASE WHEN k.rests_until > now() THEN 0 WHEN k.proven_at IS NOT NULL THEN in_flight
                WHEN doubtful >= unproven_left OR (cardinality(k.asked_at) = 60 AND k.asked_at[1] > now() - interval '1 minute') THEN 0 ELSE 1 END AS cap
            FROM (SELECT * FROM lap l WHERE l.number = 1 OR NOT wrapped) lap CROSS JOIN LATERAL (
              WITH RECURSIVE walk AS (
                SELECT lap.number, lap.after AS lane, 0::bigint AS seq
                UNION ALL
                SELECT w.number, d.lane, d.seq FROM walk w CROSS JOIN LATERAL (
                  SELECT d.lane, d.seq FROM delivery d WHERE d.phase = 'ready' AND d.lane > w.lane
                  ORDER BY d.lane, d.run_at, d.seq LIMIT 1
                ) d
                WHERE lap.upto IS NULL OR d.lane <= lap.upto
              )
              SELECT * FROM walk w WHERE w.seq > 0
            ) n LEFT JOIN LATERAL (
              -- What the rate allows now, at most a second's worth at once. (The name of an origin is no endpoint's id.)
              SELECT e.origin, e.max_in_flight, CASE WHEN e.rate_per_s IS NOT NULL THEN floor(least(extract(epoch FROM
                now() - greatest(e.rate_used_until, now() - interval '1 day')) * e.rate_per_s, greatest(e.rate_per_s, 1)))::integer END AS allowance
              FROM endpoint e WHERE e.id BETWEEN n.lane AND n.lane AND position('://' IN n.lane) = 0 ORDER BY e.id LIMIT 1
            ) e ON true LEFT JOIN LATERAL (
              SELECT k.proven_at, k.rests_until, k.asked_at FROM origin k WHERE k.name = coalesce(e.origin, n.lane) LIMIT 1
            ) k ON true OFFSET 0
          ), open AS (
            SELECT o.* FROM (
              SELECT l.*, l.cap - (SELECT count(*) FROM (
                SELECT FROM delivery d WHERE d.origin = l.origin AND d.phase IN ('hinted', 'running') ORDER BY d.due_at LIMIT l.cap) c) AS room
              FROM lane l WHERE l.free > 0 AND l.cap > 0 OFFSET 0
            ) o WHERE o.room > 0 LIMIT asked
          )
          SELECT lanes || array_agg(o.lane), heads || array_agg(o.seq), origins || array_agg(o.origin), provens || array_agg(o.proven),
            frees || array_agg(o.free::integer), rooms || array_agg(o.room::integer), count(*), wrapped OR bool_or(o.number = 2)
          INTO lanes, heads, origins, provens, frees, rooms, found, wrapped FROM open o;

          SELECT coalesce(sum(n.places) FILTER (WHERE n.proven), 0), coalesce(sum(n.places) FILTER (WHERE NOT n.proven), 0) INTO places, doubtful
          FROM (
            SELECT l.proven, least(min(l.room), count(*)) AS places FROM unnest(origins, provens, rooms) AS l (origin, proven, room) GROUP BY l.origin, l.proven
          ) n;
          -- Unproven origins together leave room for the others, however many of them hang. Counted only where one of them waits.
          IF doubtful > 0 AND unproven_left IS NULL THEN
            SELECT unproven_in_flight - count(*) INTO unproven_left FROM (
              SELECT FROM delivery d WHERE d.phase IN ('hinted', 'running')
                AND (SELECT k.proven_at FROM origin k WHERE k.name = d.origin) IS NULL ORDER BY d.origin, d.due_at LIMIT unproven_in_flight) u;
          END IF;
          places := places + least(doubtful, unproven_left);
          EXIT WHEN found < asked OR places >= most;
          asked := most - places;
          reached := lanes[cardinality(lanes)];
        END LOOP;

        -- As accounts do. A lane can have what its origin has room for after the first of each other lane.
        quota := least((most + cardinality(lanes) - 1) / greatest(cardinality(lanes), 1), most + 1 - places);
        LOOP
          WITH open AS (
            SELECT l.*, least(l.free, l.room + 1 - count(*) OVER (PARTITION BY l.origin), quota) AS share
            FROM unnest(lanes, heads, origins, provens, frees, rooms) WITH ORDINALITY AS l (lane, seq, origin, proven, free, room, place)
          ), turns AS (
            SELECT l.lane, l.seq, l.origin, l.proven, l.room, l.place, 1 AS turn FROM open l
            UNION ALL
            SELECT l.lane, next.seq, l.origin, l.proven, l.room, l.place, next.turn FROM open l CROSS JOIN LATERAL (
              SELECT d.seq, row_number() OVER (ORDER BY d.run_at, d.seq) AS turn FROM delivery d WHERE d.lane = l.lane AND d.phase = 'ready'
              ORDER BY d.run_at, d.seq OFFSET 1 LIMIT l.share - 1
            ) next
            WHERE l.share > 1
          ), shared AS (
            -- Oldest first among the lanes of an origin: those whose place in the circle comes late are not left behind for ever.
            SELECT t.*, row_number() OVER (PARTITION BY t.origin ORDER BY t.turn, t.seq) AS nth FROM turns t
          ), roomy AS (
            SELECT s.*, row_number() OVER (PARTITION BY s.proven ORDER BY s.turn, s.seq) AS nth_of_kind FROM shared s WHERE s.nth <= s.room
          )
          SELECT array_agg(c.seq), (array_agg(c.lane))[count(*)], count(*), max(c.turn) INTO chosen, last_served, moved, deepest FROM (
            SELECT r.seq, r.lane, r.turn FROM roomy r WHERE r.proven OR r.nth_of_kind <= unproven_left ORDER BY r.turn, r.place LIMIT most
          ) c;
          EXIT WHEN moved = most OR deepest IS DISTINCT FROM quota OR quota > most - places;
          quota := least(4 * quota, most + 1 - places);
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

/** Dispatch that costs the same however much waits and for how many, and since when a row has been hinted. */
export class Dispatch1764100000010 implements MigrationInterface {
  name = 'Dispatch1764100000010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE operation ADD COLUMN hinted_at timestamptz;
      COMMENT ON COLUMN operation.hinted_at IS 'when a slot was reserved for it and no worker had claimed it yet: hints that are sent again leave it';
      ALTER TABLE delivery ADD COLUMN hinted_at timestamptz;
      COMMENT ON COLUMN delivery.hinted_at IS 'as of operations';
      INSERT INTO turn (of, served) VALUES ('deliveries', ''), ('held', '');
    `);
    // By phase first: retries whose time has come are not read by who looks for lost hints.
    await this.replace(
      runner,
      'operation_due',
      `operation (phase, due_at) WHERE phase IN ('scheduled', 'hinted', 'running')`,
    );
    await this.replace(
      runner,
      'delivery_due',
      `delivery (phase, due_at) WHERE phase IN ('scheduled', 'hinted', 'running')`,
    );
    // With an order of their own: see ONE_PLAN.
    await this.replace(
      runner,
      'operation_slots',
      `operation (account_id, due_at) WHERE phase IN ('hinted', 'running')`,
    );
    await this.replace(
      runner,
      'delivery_in_flight',
      `delivery (origin, due_at) WHERE phase IN ('hinted', 'running')`,
    );
    await this.replace(
      runner,
      'delivery_lane_in_flight',
      `delivery (lane, due_at) WHERE phase IN ('hinted', 'running')`,
    );
    for (const sql of [OPERATIONS, DELIVERIES]) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const sql of EARLIER_DISPATCH) await runner.query(sql);
    await this.replace(
      runner,
      'delivery_lane_in_flight',
      `delivery (lane) WHERE phase IN ('hinted', 'running')`,
    );
    await this.replace(
      runner,
      'delivery_in_flight',
      `delivery (origin) WHERE phase IN ('hinted', 'running')`,
    );
    await this.replace(
      runner,
      'operation_slots',
      `operation (account_id) WHERE phase IN ('hinted', 'running')`,
    );
    await this.replace(
      runner,
      'delivery_due',
      `delivery (due_at) WHERE phase IN ('scheduled', 'hinted', 'running')`,
    );
    await this.replace(
      runner,
      'operation_due',
      `operation (due_at) WHERE phase IN ('scheduled', 'hinted', 'running')`,
    );
    await runner.query(`
      DELETE FROM turn WHERE of IN ('deliveries', 'held');
      ALTER TABLE delivery DROP COLUMN hinted_at;
      ALTER TABLE operation DROP COLUMN hinted_at;
    `);
  }

  /** A statement of its own each: the time that a statement may take is bounded. */
  private async replace(runner: QueryRunner, index: string, on: string): Promise<void> {
    await runner.query(`DROP INDEX ${index}`);
    await runner.query(`CREATE INDEX ${index} ON ${on}`);
  }
}
