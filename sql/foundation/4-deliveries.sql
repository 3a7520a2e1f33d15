-- Deliveries: records as of operations. `home` is the number of the delivery's operation, or its own where it has none (tests and
-- notices), so that all of an operation is in one partition.

CREATE TABLE delivery (
  home bigint NOT NULL,
  seq bigint NOT NULL DEFAULT nextval('record_id'),
  id text NOT NULL,
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
  created_at timestamptz NOT NULL DEFAULT now(),
  accepted_at timestamptz,
  traceparent text,
  -- Twice owed is an error, not a second callback.
  PRIMARY KEY (home, destination, event_type)
) PARTITION BY RANGE (home);
CREATE INDEX delivery_id ON delivery (id);
CREATE INDEX delivery_number ON delivery (seq);
CREATE INDEX delivery_account ON delivery (account_id, seq);
CREATE INDEX delivery_event ON delivery (event_type, seq) WHERE event_type <> 'operation.finished';
CREATE INDEX delivery_endpoint ON delivery (endpoint_id, seq) WHERE endpoint_id IS NOT NULL;
COMMENT ON TABLE delivery IS 'an event owed to a destination; never changed but by emptying';
COMMENT ON COLUMN delivery.destination IS 'callback, or the id of an endpoint';
COMMENT ON COLUMN delivery.url IS 'as of when it was made; an endpoint that has moved since gets it where it is; empty of a pull endpoint, as its origin';
COMMENT ON COLUMN delivery.body IS 'the bytes of every attempt, serialised once';
COMMENT ON COLUMN delivery.accepted_at IS 'when its operation was accepted';
COMMENT ON COLUMN delivery.traceparent IS 'of its operation';

CREATE TABLE delivery_end (
  home bigint NOT NULL,
  seq bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('Delivered', 'Exhausted', 'Canceled')),
  attempt_count integer NOT NULL,
  schedule_step integer NOT NULL,
  epoch integer NOT NULL,
  reason text,
  given_up_reason text,
  delivered_at timestamptz,
  url text,
  PRIMARY KEY (home, seq)
) PARTITION BY RANGE (home);
CREATE INDEX delivery_end_undelivered ON delivery_end (state, seq) WHERE state <> 'Delivered';
CREATE INDEX delivery_end_exhausted ON delivery_end (home) WHERE state = 'Exhausted';
COMMENT ON TABLE delivery_end IS 'how it ended: taken back by what makes it owed again';
COMMENT ON COLUMN delivery_end.epoch IS 'of its live row: the next one''s hints begin above it';
COMMENT ON COLUMN delivery_end.given_up_reason IS 'of a callback that was given up, and then acknowledged by poll: why it was; it stays while it is redelivered by hand';
COMMENT ON COLUMN delivery_end.delivered_at IS 'the first time; it stays while a delivery is sent again by hand';
COMMENT ON COLUMN delivery_end.url IS 'where it was sent last; null: to the delivery''s url';

CREATE TABLE attempt (
  home bigint NOT NULL,
  delivery_seq bigint NOT NULL,
  number integer NOT NULL,
  trigger text NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('delivered', 'failed', 'unknown')),
  started_at timestamptz NOT NULL,
  duration_ms real,
  phases_ms text,
  http_status integer,
  error text,
  detail text,
  request_headers text,
  response_headers text,
  response_body text,
  response_truncated boolean,
  resent boolean NOT NULL DEFAULT false,
  retry_after_s integer,
  next_attempt_at timestamptz,
  feed_id bigint NOT NULL DEFAULT nextval('feed_id'),
  PRIMARY KEY (home, delivery_seq, number)
) PARTITION BY RANGE (home);
-- An entry for many pages, not for each row.
CREATE INDEX attempt_feed ON attempt USING brin (feed_id) WITH (pages_per_range = 64);
COMMENT ON TABLE attempt IS 'attempts that ended: the one under way is the live row that has a lease';
COMMENT ON COLUMN attempt.detail IS 'shown to keys with the scope admin only: an address that DNS answered, for instance';
COMMENT ON COLUMN attempt.resent IS 'sent once more over a new connection: the kept one broke before any answer, and the receiver may have seen both';
COMMENT ON COLUMN attempt.feed_id IS 'as of operation_end';

CREATE TABLE undelivered (
  home bigint NOT NULL,
  seq bigint NOT NULL,
  account_id text NOT NULL,
  operation_id bigint,
  lane text NOT NULL,
  state text NOT NULL,
  PRIMARY KEY (home, seq)
);
CREATE INDEX undelivered_operation ON undelivered (account_id, operation_id) WHERE operation_id IS NOT NULL;
CREATE INDEX undelivered_lane ON undelivered (account_id, lane, seq) WHERE state = 'Exhausted';
COMMENT ON TABLE undelivered IS 'deliveries that ended as Exhausted or Canceled and weren''t acknowledged by poll: few, so they have a table of their own';

CREATE TABLE live_delivery (
  seq bigint PRIMARY KEY,
  home bigint NOT NULL,
  account_id text NOT NULL,
  operation_id bigint,
  endpoint_id text,
  lane text NOT NULL,
  receiver bigint NOT NULL DEFAULT 1,
  origin text NOT NULL,
  url text,
  phase text NOT NULL CHECK (phase IN ('scheduled', 'ready', 'placed', 'paused', 'held', 'leased')),
  trigger text NOT NULL DEFAULT 'schedule' CHECK (trigger IN ('schedule', 'manual', 'recovery', 'test')),
  attempt_count integer NOT NULL DEFAULT 0,
  schedule_step integer NOT NULL DEFAULT 0,
  doubt smallint NOT NULL DEFAULT 0,
  epoch integer NOT NULL DEFAULT 0,
  lease_token uuid CHECK (lease_token IS NULL OR phase IN ('placed', 'leased')),
  look_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  run_at timestamptz NOT NULL DEFAULT now(),
  owed_since timestamptz NOT NULL DEFAULT now(),
  resume_at timestamptz,
  dispatched_at timestamptz,
  started_at timestamptz,
  reason text,
  given_up_reason text,
  delivered_at timestamptz,
  CHECK (look_at <= due_at),
  CHECK ((phase IN ('paused', 'held')) = (look_at = 'infinity')),
  CHECK (phase <> 'leased' OR lease_token IS NOT NULL)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
CREATE INDEX live_delivery_ready ON live_delivery (lane, receiver, run_at, seq) WHERE phase = 'ready';
CREATE INDEX live_delivery_waiting ON live_delivery (origin, seq) WHERE phase = 'ready';
CREATE INDEX live_delivery_placed ON live_delivery (origin) WHERE phase = 'placed';
CREATE INDEX live_delivery_lane_placed ON live_delivery (lane) WHERE phase = 'placed' AND endpoint_id IS NOT NULL;
CREATE INDEX live_delivery_look ON live_delivery (phase, look_at) WHERE phase IN ('scheduled', 'placed', 'leased');
CREATE INDEX live_delivery_paused ON live_delivery (endpoint_id, seq) WHERE phase = 'paused';
CREATE INDEX live_delivery_held ON live_delivery (endpoint_id, run_at, seq) WHERE phase = 'held';
CREATE INDEX live_delivery_endpoint ON live_delivery (endpoint_id, trigger) WHERE endpoint_id IS NOT NULL;
CREATE INDEX live_delivery_owed ON live_delivery (account_id, operation_id) WHERE phase IN ('scheduled', 'ready', 'paused', 'held');
CREATE INDEX live_delivery_scheduled ON live_delivery (account_id, lane, seq) WHERE phase IN ('scheduled', 'held');
CREATE INDEX live_delivery_recovering ON live_delivery (account_id, lane) WHERE trigger = 'recovery';
COMMENT ON TABLE live_delivery IS 'a delivery that is Pending';
COMMENT ON COLUMN live_delivery.phase IS 'as of operations; placed: has a place at its origin; paused: its endpoint is disabled, so it is due never until that is enabled; held: waits for a consumer of its pull endpoint, from run_at on; leased: a consumer has it';
COMMENT ON COLUMN live_delivery.lane IS 'what takes turns: an endpoint, or the origin of callbacks that no endpoint has';
COMMENT ON COLUMN live_delivery.receiver IS 'of callbacks what takes turns inside their origin: the account (high half) and its URL without the query; 1 of an endpoint';
COMMENT ON COLUMN live_delivery.url IS 'where its endpoint is now; null: the delivery''s url';
COMMENT ON COLUMN live_delivery.schedule_step IS 'attempts of the retry schedule that were made';
COMMENT ON COLUMN live_delivery.doubt IS 'of its receiver when it was dispatched: 0 known to answer, 1 unknown, 2 silent, or of an origin that has never answered 2xx';
COMMENT ON COLUMN live_delivery.run_at IS 'when its next attempt is planned';
COMMENT ON COLUMN live_delivery.owed_since IS 'from when its deadline counts: made, released after it was paused, and later by what it waited for a consumer';
COMMENT ON COLUMN live_delivery.resume_at IS 'after a redelivery by hand that fails: when the schedule goes on; null: exhausted';
COMMENT ON COLUMN live_delivery.dispatched_at IS 'as of operations';
COMMENT ON COLUMN live_delivery.started_at IS 'when its attempt began';
COMMENT ON COLUMN live_delivery.reason IS 'acknowledged_by_poll: the attempt under way is the last';

-- What dispatch knows of a lane in a round (lanes_with_room): the delivery whose turn it is, with who receives and who pays for it
-- and how much that receiver is doubted, and what the lane, its origin, and the doubted ones there have room for.
CREATE TYPE made_attempt AS (
  seq bigint,
  account_id text,
  endpoint_id text,
  lane text,
  receiver bigint,
  origin text,
  outcome text,
  counts boolean,
  answered boolean,
  silent boolean,
  exhausted_body text
);
COMMENT ON TYPE made_attempt IS 'what is learnt from an attempt: answered with whatever status, silent where nobody was found; counts for its endpoint';
CREATE TYPE open_lane AS (
  lane text,
  seq bigint,
  origin text,
  receiver bigint,
  payer bigint,
  doubt integer,
  proven boolean,
  closed boolean,
  several boolean,
  lone bigint,
  free integer,
  room integer,
  mine integer,
  everyone integer
);

CREATE VIEW delivery_view AS
SELECT d.home, d.seq, d.id, d.account_id, d.operation_id, d.operation_rid, d.endpoint_id, d.destination, d.event_type,
  coalesce(x.url, l.url, d.url) AS url, coalesce(l.origin, d.origin) AS origin, coalesce(l.lane, d.endpoint_id, d.origin) AS lane,
  coalesce(l.receiver, 1) AS receiver, coalesce(l.doubt, 0::smallint) AS doubt, d.headers, d.body,
  coalesce(x.state, CASE WHEN l.seq IS NOT NULL THEN 'Pending' END) AS state,
  CASE WHEN l.lease_token IS NOT NULL THEN 'running' WHEN l.phase = 'placed' THEN 'dispatched' ELSE l.phase END AS phase,
  CASE WHEN l.seq IS NULL THEN x.reason ELSE l.reason END AS reason,
  CASE WHEN l.seq IS NULL THEN x.given_up_reason ELSE l.given_up_reason END AS given_up_reason,
  coalesce(x.attempt_count, l.attempt_count) AS attempt_count, coalesce(x.schedule_step, l.schedule_step) AS schedule_step,
  coalesce(l.trigger, 'schedule') AS trigger, l.resume_at, d.created_at, coalesce(l.owed_since, d.created_at) AS owed_since, d.accepted_at, d.traceparent,
  CASE WHEN l.seq IS NULL THEN x.delivered_at ELSE l.delivered_at END AS delivered_at,
  l.run_at, nullif(l.due_at, 'infinity') AS due_at, l.dispatched_at, coalesce(l.epoch, x.epoch) AS epoch, l.lease_token
FROM delivery d
LEFT JOIN delivery_end x ON x.home = d.home AND x.seq = d.seq
LEFT JOIN live_delivery l ON l.seq = d.seq;
COMMENT ON VIEW delivery_view IS 'deliveries as they stand: for reading';

CREATE VIEW attempt_view AS
SELECT d.id AS delivery_id, a.number, 'att_' || left(encode(sha256((d.id || a.number)::bytea), 'hex'), 32) AS id, a.trigger, a.outcome, a.started_at,
  a.duration_ms, a.phases_ms, a.http_status, a.error, a.detail, a.request_headers, a.response_headers, a.response_body, a.response_truncated,
  a.resent, a.retry_after_s, a.next_attempt_at
FROM delivery d CROSS JOIN LATERAL (
  SELECT a.* FROM attempt a WHERE a.home = d.home AND a.delivery_seq = d.seq
  UNION ALL
  SELECT l.home, l.seq, l.attempt_count, CASE l.phase WHEN 'leased' THEN 'pull' ELSE l.trigger END, 'started', l.started_at, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL
  FROM live_delivery l WHERE l.seq = d.seq AND l.lease_token IS NOT NULL
) a;
COMMENT ON VIEW attempt_view IS 'attempts, with the one under way: for reading';
