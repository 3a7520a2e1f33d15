import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Accounts, operations, deliveries, endpoints and files: the rows that own every state, timer and retry. */
export class Foundation1763900000000 implements MigrationInterface {
  name = 'Foundation1763900000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE account (
        id text PRIMARY KEY,
        name text NOT NULL UNIQUE,
        slots integer NOT NULL CHECK (slots > 0),
        created_at timestamptz NOT NULL DEFAULT now()
      );

      CREATE TABLE api_key (
        id text PRIMARY KEY,
        account_id text NOT NULL REFERENCES account (id),
        name text NOT NULL,
        hash text NOT NULL UNIQUE,
        scopes text[] NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz,
        revoked_at timestamptz
      );
      CREATE INDEX api_key_account ON api_key (account_id);

      CREATE TABLE auth_token (
        hash text PRIMARY KEY,
        key_id text NOT NULL REFERENCES api_key (id) ON DELETE CASCADE,
        used_at timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX auth_token_used ON auth_token (used_at);
      COMMENT ON TABLE auth_token IS 'tokens of the trm face: SHA-256 of the token, and the API key that it stands for until it has been idle for long';

      CREATE TABLE endpoint (
        id text PRIMARY KEY,
        account_id text NOT NULL REFERENCES account (id),
        url text NOT NULL,
        origin text NOT NULL,
        description text NOT NULL,
        events text[] NOT NULL,
        headers text,
        retry_schedule double precision[],
        max_in_flight integer CHECK (max_in_flight > 0),
        rate_per_s double precision CHECK (rate_per_s > 0),
        signature_profile text NOT NULL,
        disabled_at timestamptz,
        disabled_reason text,
        failing_since timestamptz,
        rate_used_until timestamptz NOT NULL DEFAULT '-infinity',
        created_at timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX endpoint_account ON endpoint (account_id, id);
      COMMENT ON COLUMN endpoint.failing_since IS 'first failure after the last success; null while attempts succeed';
      COMMENT ON COLUMN endpoint.rate_used_until IS 'up to when the attempts already dispatched have used the rate up';

      CREATE TABLE origin (
        name text PRIMARY KEY,
        proven_at timestamptz,
        asked_at timestamptz[] NOT NULL DEFAULT '{}',
        rests_until timestamptz NOT NULL DEFAULT '-infinity'
      );
      COMMENT ON COLUMN origin.rests_until IS 'after an attempt that got no answer: not asked before, so that many that hang don''t time out at the same instants for ever';
      COMMENT ON COLUMN origin.asked_at IS 'the last 60 attempts that were dispatched while it was unproven';
      COMMENT ON TABLE origin IS 'what is known of destinations: one that has never answered 2xx (proven_at null) is asked slowly';

      CREATE TABLE callback_host (
        account_id text NOT NULL,
        name text NOT NULL,
        first_used_at timestamptz NOT NULL,
        PRIMARY KEY (account_id, name)
      );
      CREATE INDEX callback_host_new ON callback_host (account_id, first_used_at);
      COMMENT ON TABLE callback_host IS 'hosts of the callback URLs an account has given: a host that is not here is new, and new ones are bounded';

      CREATE TABLE recovery (
        id text PRIMARY KEY,
        account_id text NOT NULL,
        endpoint_id text NOT NULL REFERENCES endpoint (id) ON DELETE CASCADE,
        since timestamptz NOT NULL,
        until timestamptz NOT NULL,
        reached bigint NOT NULL DEFAULT 0,
        requeued integer NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz
      );
      CREATE INDEX recovery_unfinished ON recovery (created_at) WHERE finished_at IS NULL;
      COMMENT ON COLUMN recovery.reached IS 'the last delivery (seq) that was looked at: where it goes on after a crash';

      CREATE TABLE signing_secret (
        id text PRIMARY KEY,
        account_id text NOT NULL REFERENCES account (id),
        endpoint_id text REFERENCES endpoint (id) ON DELETE CASCADE,
        kind text NOT NULL CHECK (kind IN ('hmac', 'ed25519')),
        secret text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz
      );
      CREATE INDEX signing_secret_account ON signing_secret (account_id);
      -- Per owner, an account or an endpoint, and kind: one secret signs; the others only co-sign until they expire.
      CREATE UNIQUE INDEX signing_secret_current ON signing_secret (account_id, coalesce(endpoint_id, ''), kind) WHERE expires_at IS NULL;
    `);

    // No foreign keys to account from the hot tables: every insert would lock the account's row. Accounts are never deleted.
    await runner.query(`
      CREATE TABLE operation (
        request_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        rid text NOT NULL CONSTRAINT operation_rid UNIQUE,
        account_id text NOT NULL,
        type text NOT NULL,
        face text NOT NULL,
        state text NOT NULL CHECK (state IN ('Waiting', 'Executing', 'Finished', 'Failed', 'Canceled')),
        phase text CHECK (phase IN ('scheduled', 'ready', 'hinted', 'running')),
        input text,
        callback_url text,
        callback_headers text,
        correlation text,
        priority smallint NOT NULL DEFAULT 0,
        retention text NOT NULL,
        tries integer NOT NULL,
        timeout_s double precision NOT NULL,
        attempt integer NOT NULL DEFAULT 0,
        progress real NOT NULL DEFAULT 0,
        status_text text NOT NULL,
        result text,
        custom text,
        error_code text,
        error_message text,
        file_id text,
        rerun_of text,
        silent boolean NOT NULL DEFAULT false,
        created_at timestamptz NOT NULL DEFAULT now(),
        started_at timestamptz,
        finished_at timestamptz,
        expires_at timestamptz,
        run_at timestamptz,
        due_at timestamptz,
        epoch integer NOT NULL DEFAULT 0,
        lease_token uuid,
        CONSTRAINT operation_ended CHECK ((state IN ('Finished', 'Failed', 'Canceled')) = (due_at IS NULL)
          AND (phase IS NULL) = (due_at IS NULL) AND (finished_at IS NULL) = (due_at IS NOT NULL))
      ) WITH (fillfactor = 80);

      COMMENT ON COLUMN operation.phase IS 'scheduled: due at run_at; ready: may be hinted; hinted: a slot is reserved until a worker claims it; running: leased until due_at; null: ended';
      COMMENT ON COLUMN operation.silent IS 'an end while this is set owes its own callback nothing: the submit, which still waits, tells it';
      COMMENT ON COLUMN operation.due_at IS 'when this row next needs somebody';
      COMMENT ON COLUMN operation.tries IS 'how often it may be claimed before it fails with attempts_exhausted';

      CREATE INDEX operation_ready ON operation (account_id, priority DESC, request_id) WHERE phase = 'ready';
      CREATE INDEX operation_due ON operation (due_at) WHERE phase IN ('scheduled', 'hinted', 'running');
      CREATE INDEX operation_slots ON operation (account_id) WHERE phase IN ('hinted', 'running');
      CREATE INDEX operation_account ON operation (account_id, request_id);

      CREATE TABLE turn (
        of text PRIMARY KEY,
        served text NOT NULL
      );
      INSERT INTO turn VALUES ('operations', '');
      COMMENT ON TABLE turn IS 'whom the last round of dispatch served last: the next one begins behind it';

      CREATE TABLE history_entry (
        operation_id bigint NOT NULL,
        id bigint GENERATED ALWAYS AS IDENTITY,
        kind text NOT NULL CHECK (kind IN ('transition', 'progress', 'log')),
        state text,
        progress real,
        text text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (operation_id, id)
      );

      CREATE TABLE idempotency_key (
        account_id text NOT NULL,
        key text NOT NULL,
        fingerprint text NOT NULL,
        rid text NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (account_id, key)
      );
    `);

    await runner.query(`
      CREATE TABLE delivery (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id text NOT NULL CONSTRAINT delivery_id UNIQUE,
        account_id text NOT NULL,
        operation_id bigint,
        operation_rid text,
        endpoint_id text,
        destination text NOT NULL,
        event_type text NOT NULL,
        url text NOT NULL,
        origin text NOT NULL,
        headers text,
        body text NOT NULL,
        state text NOT NULL DEFAULT 'Pending' CHECK (state IN ('Pending', 'Delivered', 'Exhausted', 'Canceled')),
        phase text DEFAULT 'ready' CHECK (phase IN ('scheduled', 'ready', 'hinted', 'running', 'held')),
        reason text,
        attempt_count integer NOT NULL DEFAULT 0,
        schedule_step integer NOT NULL DEFAULT 0,
        trigger text NOT NULL DEFAULT 'schedule' CHECK (trigger IN ('schedule', 'manual', 'recovery', 'test')),
        resume_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        delivered_at timestamptz,
        owed_since timestamptz NOT NULL DEFAULT now(),
        run_at timestamptz DEFAULT now(),
        due_at timestamptz DEFAULT now(),
        epoch integer NOT NULL DEFAULT 0,
        lease_token uuid,
        CONSTRAINT delivery_once UNIQUE (operation_id, destination, event_type),
        lane text NOT NULL,
        CONSTRAINT delivery_ended CHECK ((state = 'Pending') = (phase IS NOT NULL)
          AND (due_at IS NULL) = (phase IS NULL OR phase = 'held'))
      ) WITH (fillfactor = 80);

      COMMENT ON COLUMN delivery.phase IS 'as of operations; held: its endpoint is disabled, so it is due never until that is enabled';
      COMMENT ON COLUMN delivery.lane IS 'what takes turns: an endpoint, or the origin of callbacks that no endpoint has';
      COMMENT ON COLUMN delivery.owed_since IS 'from when its deadline counts: made, or released after it was held';
      COMMENT ON COLUMN delivery.body IS 'the bytes of every attempt, serialised once';
      COMMENT ON COLUMN delivery.schedule_step IS 'attempts of the retry schedule that were made';
      COMMENT ON COLUMN delivery.resume_at IS 'after a redelivery by hand that fails: when the schedule goes on; null: exhausted';

      CREATE INDEX delivery_ready ON delivery (lane, run_at, seq) WHERE phase = 'ready';
      CREATE INDEX delivery_due ON delivery (due_at) WHERE phase IN ('scheduled', 'hinted', 'running');
      CREATE INDEX delivery_in_flight ON delivery (origin) WHERE phase IN ('hinted', 'running');
      CREATE INDEX delivery_lane_in_flight ON delivery (lane) WHERE phase IN ('hinted', 'running');
      CREATE INDEX delivery_endpoint ON delivery (endpoint_id, seq) WHERE endpoint_id IS NOT NULL;
      CREATE INDEX delivery_endpoint_pending ON delivery (endpoint_id, trigger) WHERE state = 'Pending' AND endpoint_id IS NOT NULL;
      CREATE INDEX delivery_held ON delivery (endpoint_id, seq) WHERE phase = 'held';
      CREATE INDEX delivery_account ON delivery (account_id, seq);

      CREATE TABLE attempt (
        delivery_id text NOT NULL,
        number integer NOT NULL,
        id text NOT NULL,
        trigger text NOT NULL,
        outcome text NOT NULL CHECK (outcome IN ('started', 'delivered', 'failed', 'unknown')),
        started_at timestamptz NOT NULL DEFAULT now(),
        duration_ms real,
        phases_ms text,
        http_status integer,
        error text,
        request_headers text,
        response_headers text,
        response_body text,
        response_truncated boolean,
        retry_after_s integer,
        next_attempt_at timestamptz,
        PRIMARY KEY (delivery_id, number)
      ) WITH (fillfactor = 80);

      CREATE TABLE file (
        id text PRIMARY KEY,
        account_id text NOT NULL,
        name text NOT NULL,
        content_type text NOT NULL,
        size bigint NOT NULL,
        sha256 text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz
      );
      CREATE INDEX file_account ON file (account_id);
    `);

    // A function, because each of its statements sees what was committed before it: the lock comes first, then the count.
    // In one plain statement, two dispatchers could both count the same free slots.
    await runner.query(`
      CREATE FUNCTION dispatch_operations(most integer, redispatch interval)
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

      CREATE FUNCTION dispatch_deliveries(most integer, redispatch interval, in_flight integer, unproven_in_flight integer)
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

      CREATE FUNCTION admit_callback_hosts(accounts text[], names text[], most integer)
      RETURNS TABLE (place integer, retry_after_s integer) LANGUAGE plpgsql AS $$
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
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP FUNCTION admit_callback_hosts(text[], text[], integer);
      DROP FUNCTION dispatch_deliveries(integer, interval, integer, integer);
      DROP FUNCTION dispatch_operations(integer, interval);
      DROP TABLE file, attempt, delivery, idempotency_key, history_entry, turn, operation, signing_secret, recovery, callback_host, origin, endpoint, auth_token, api_key, account;
    `);
  }
}
