-- Operations. Records are inserted once: what was asked (operation), how it ended (operation_end), and what its handler told
-- (history_entry). What is still owed is a live row, which dispatch reads and nothing else: it is there from the accept to the end.
-- Of each operation there is exactly one of live_operation and operation_end; each statement that takes one makes the other.

-- One sequence numbers operations and deliveries, so that one set of bounds partitions all their records (make_partitions).
CREATE SEQUENCE record_id;
-- Of all histories. 1 is "Accepted", which is in no row: every operation has it.
CREATE SEQUENCE entry_id START 2;
-- Of ends, attempts and disablings: the order in which they were told. Numbers are taken in the statement that inserts the row,
-- so one may be seen before a smaller one.
CREATE SEQUENCE feed_id;

CREATE TABLE record_partition (
  lower bigint PRIMARY KEY,
  upper bigint NOT NULL,
  opened_at timestamptz,
  closed_at timestamptz,
  given bigint,
  retired_at timestamptz,
  booked_to bigint
);
COMMENT ON TABLE record_partition IS 'partitions of the record tables: each has the operations and deliveries of the numbers from lower to before upper';
COMMENT ON COLUMN record_partition.opened_at IS 'since when its numbers are given';
COMMENT ON COLUMN record_partition.closed_at IS 'since when they are no longer';
COMMENT ON COLUMN record_partition.given IS 'how many of its numbers were given; null until they no longer are';
COMMENT ON COLUMN record_partition.retired_at IS 'since when its records are too old to be kept: none of them becomes live again';
COMMENT ON COLUMN record_partition.booked_to IS 'its records below this number are off the ledger; upper: all of them, and they are being dropped';

CREATE TABLE operation (
  request_id bigint PRIMARY KEY DEFAULT nextval('record_id'),
  rid text NOT NULL,
  account_id text NOT NULL,
  type text NOT NULL,
  face text NOT NULL,
  input text,
  callback_url text,
  callback_headers text,
  callback_thin_over integer,
  correlation text,
  priority smallint NOT NULL DEFAULT 0,
  retention text NOT NULL,
  tries integer NOT NULL,
  timeout_s float8 NOT NULL,
  run_at timestamptz,
  rerun_of text,
  ack_by_poll boolean NOT NULL DEFAULT false,
  traceparent text,
  created_at timestamptz NOT NULL DEFAULT now()
) PARTITION BY RANGE (request_id);
CREATE INDEX operation_rid ON operation (rid);
CREATE INDEX operation_account ON operation (account_id, request_id);
CREATE INDEX operation_correlation ON operation (correlation, request_id) WHERE correlation IS NOT NULL;
COMMENT ON TABLE operation IS 'what was asked; never changed but by emptying';
COMMENT ON COLUMN operation.rid IS 'random, and begins with the time: what is made together stands together in the index';
COMMENT ON COLUMN operation.tries IS 'how often it may be claimed before it fails with attempts_exhausted';
COMMENT ON COLUMN operation.run_at IS 'not before, as asked';
COMMENT ON COLUMN operation.traceparent IS 'W3C trace context of the request that submitted it';
COMMENT ON COLUMN operation.ack_by_poll IS 'a caller that has read the end needs no callback: that ends its delivery';
COMMENT ON COLUMN operation.callback_thin_over IS 'bytes: a larger body of its own callback leaves the result out; null: the setting''s';

CREATE TABLE operation_end (
  request_id bigint PRIMARY KEY,
  state text NOT NULL CHECK (state IN ('Finished', 'Failed', 'Canceled')),
  attempt integer NOT NULL,
  progress real NOT NULL,
  silent boolean NOT NULL DEFAULT false,
  started_at timestamptz,
  finished_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  sweep_at timestamptz,
  emptied_at timestamptz,
  erased_at timestamptz,
  status_text text NOT NULL,
  result text,
  custom text,
  error_code text,
  error_message text,
  file_id text,
  transitions text NOT NULL,
  feed_id bigint NOT NULL DEFAULT nextval('feed_id')
) PARTITION BY RANGE (request_id);
CREATE INDEX operation_end_expiry ON operation_end (COALESCE(sweep_at, expires_at)) WHERE emptied_at IS NULL;
CREATE INDEX operation_end_error ON operation_end (error_code, request_id) WHERE error_code IS NOT NULL;
CREATE INDEX operation_end_unfinished ON operation_end (state, request_id) WHERE state <> 'Finished';
CREATE INDEX operation_end_finished ON operation_end USING brin (finished_at, feed_id) WITH (pages_per_range = 32);
COMMENT ON TABLE operation_end IS 'how it ended: that this row is there means that it has';
COMMENT ON COLUMN operation_end.silent IS 'the submit''s answer has told the end: its own callback is owed nothing';
COMMENT ON COLUMN operation_end.sweep_at IS 'when housekeeping next looks whether it can be emptied; null: at expires_at';
COMMENT ON COLUMN operation_end.emptied_at IS 'when input, result and the bodies of its deliveries were deleted';
COMMENT ON COLUMN operation_end.erased_at IS 'when its caller had it emptied; it is deleted in its time';
COMMENT ON COLUMN operation_end.transitions IS 'a line each: JSON array of entry id, time (seconds since 1970), state, progress, text, stack';
COMMENT ON COLUMN operation_end.feed_id IS 'its place in the feed and in the statistics: rows stand in the order of it, so that an index of ranges finds the last ones';

CREATE TABLE history_entry (
  operation_id bigint NOT NULL,
  id bigint NOT NULL DEFAULT nextval('entry_id'),
  kind text NOT NULL CHECK (kind IN ('progress', 'log')),
  progress real,
  text text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (operation_id, id)
) PARTITION BY RANGE (operation_id);
COMMENT ON TABLE history_entry IS 'what handlers told; transitions are in live_operation and operation_end, together they are history_view';

CREATE TABLE live_operation (
  request_id bigint PRIMARY KEY,
  account_id text NOT NULL,
  type text NOT NULL,
  phase text NOT NULL CHECK (phase IN ('scheduled', 'ready', 'offered', 'placed', 'apart', 'awaiting', 'aside')),
  awaits text CHECK (awaits IN ('completion', 'poll')),
  priority smallint NOT NULL,
  attempt integer NOT NULL DEFAULT 0,
  tries integer NOT NULL,
  epoch integer NOT NULL DEFAULT 0,
  lease_token uuid CHECK (lease_token IS NULL OR phase NOT IN ('ready', 'offered')),
  look_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  waits_since timestamptz NOT NULL DEFAULT now(),
  run_at timestamptz,
  dispatched_at timestamptz,
  started_at timestamptz,
  cancel_at timestamptz,
  silent_until timestamptz,
  progress real NOT NULL DEFAULT 0,
  status_text text,
  transitions text,
  checkpoint text,
  worker text,
  run_until timestamptz,
  CHECK (look_at <= due_at),
  CHECK ((awaits IS NOT NULL) = (phase IN ('awaiting', 'aside')))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
CREATE INDEX live_operation_ready ON live_operation (account_id, priority DESC, request_id) WHERE phase = 'ready';
CREATE INDEX live_operation_offered ON live_operation (type, account_id, priority DESC, request_id) WHERE phase = 'offered';
CREATE INDEX live_operation_placed ON live_operation (account_id) WHERE phase IN ('placed', 'awaiting');
CREATE INDEX live_operation_look ON live_operation (phase, look_at) WHERE phase IN ('scheduled', 'placed');
CREATE INDEX live_operation_scheduled ON live_operation (account_id, request_id) WHERE phase = 'scheduled';
CREATE INDEX live_operation_apart ON live_operation (account_id, look_at) WHERE phase = 'apart';
CREATE INDEX live_operation_aside ON live_operation (account_id) WHERE phase = 'aside';
CREATE INDEX live_operation_awaits ON live_operation (awaits, look_at) WHERE awaits IS NOT NULL;
CREATE INDEX live_operation_canceling ON live_operation (cancel_at) WHERE cancel_at IS NOT NULL;
COMMENT ON TABLE live_operation IS 'an operation that hasn''t ended';
COMMENT ON COLUMN live_operation.phase IS 'scheduled: due at run_at, or while it has a lease, somebody is ending it before it has run; ready: may be dispatched; offered: of a declared type, so it gets its slot when a remote worker claims it; placed: has a slot, and is dispatched while it has no lease, running while it has one; apart: takes no slot and waits for none, running while it has a lease; awaiting: Executing without a worker, and has a slot; aside: the same without a slot. Those two have a lease only while somebody ends them or looks after them';
COMMENT ON COLUMN live_operation.awaits IS 'completion: whoever has its token ends it, and at due_at nobody has; poll: its handler goes on at due_at';
COMMENT ON COLUMN live_operation.look_at IS 'when the dispatcher next looks: no later than due_at. A claim and a renewal move due_at alone, which no index has; one that outlives look_at is put off to due_at';
COMMENT ON COLUMN live_operation.due_at IS 'when this row next needs somebody';
COMMENT ON COLUMN live_operation.waits_since IS 'when it was accepted';
COMMENT ON COLUMN live_operation.run_at IS 'when it may run, or run again';
COMMENT ON COLUMN live_operation.dispatched_at IS 'when it got its slot and no worker had claimed it yet: hints that are sent again leave it';
COMMENT ON COLUMN live_operation.cancel_at IS 'a caller asked to cancel it: when it ends as Canceled whatever its handler does';
COMMENT ON COLUMN live_operation.silent_until IS 'until when its own callback waits for the submit''s answer to tell the end in its place';
COMMENT ON COLUMN live_operation.status_text IS 'null: what its state says';
COMMENT ON COLUMN live_operation.transitions IS 'as in operation_end';
COMMENT ON COLUMN live_operation.worker IS 'of one that a remote worker runs: which one, as in process';
COMMENT ON COLUMN live_operation.run_until IS 'of such a one: when its time is over; due_at is never later';
COMMENT ON COLUMN live_operation.checkpoint IS 'how far its runs have come, where the next one goes on';

CREATE TABLE completion (
  token_hash text PRIMARY KEY,
  operation_id bigint NOT NULL,
  operation_rid text NOT NULL,
  account_id text NOT NULL,
  expires_at timestamptz NOT NULL,
  verify text,
  digest text,
  given text,
  CHECK (digest IS NOT NULL OR given IS NULL)
);
CREATE INDEX completion_operation ON completion (operation_id);
COMMENT ON TABLE completion IS 'tokens with which somebody else ends an operation, and what they were used for; they go with what the operation was given';
COMMENT ON COLUMN completion.token_hash IS 'SHA-256 of the token, in hex';
COMMENT ON COLUMN completion.verify IS 'sealed JSON: whose webhook it takes, and with which secret that is signed; null: any request with the token';
COMMENT ON COLUMN completion.digest IS 'of the request that has ended the operation: the same once more is answered the same';
COMMENT ON COLUMN completion.given IS 'JSON: how it ends the operation, until that has ended';

-- What was accepted, and what became of it: bookings of each statement, which housekeeping adds up.
CREATE TABLE ledger (
  type text NOT NULL,
  state text NOT NULL,
  accepted bigint NOT NULL,
  ended bigint NOT NULL,
  destined bigint NOT NULL,
  callbacks bigint NOT NULL,
  PRIMARY KEY (type, state)
);
CREATE TABLE ledger_entry (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  type text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT '',
  accepted integer NOT NULL DEFAULT 0,
  ended integer NOT NULL DEFAULT 0,
  destined integer NOT NULL DEFAULT 0,
  callbacks integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE ledger IS 'operations accepted, ended (of a type, in a state), ended with a callback (destined), and callbacks ended (in a state), less what retention deleted: the sum of these rows and of the entries';

CREATE VIEW operation_view AS
SELECT o.request_id, o.rid, o.account_id, o.type, o.face,
  coalesce(e.state, CASE WHEN l.phase IN ('placed', 'apart') AND l.lease_token IS NOT NULL OR l.awaits IS NOT NULL THEN 'Executing' WHEN l.request_id IS NOT NULL THEN 'Waiting' END) AS state,
  CASE WHEN l.phase IN ('scheduled', 'ready', 'offered') THEN l.phase WHEN l.lease_token IS NOT NULL THEN 'running' WHEN l.awaits IS NOT NULL THEN 'awaiting' WHEN l.phase IS NOT NULL THEN 'dispatched' END AS phase,
  o.input, o.callback_url, o.callback_headers, o.callback_thin_over, o.correlation, o.priority, o.retention,
  coalesce(l.tries, o.tries) AS tries, o.timeout_s, coalesce(e.attempt, l.attempt) AS attempt, coalesce(e.progress, l.progress) AS progress,
  coalesce(e.status_text, l.status_text, CASE WHEN l.phase IN ('placed', 'apart') AND l.lease_token IS NOT NULL OR l.awaits IS NOT NULL THEN 'Executing...' ELSE 'Waiting...' END) AS status_text,
  e.result, e.custom, e.error_code, e.error_message, e.file_id, o.rerun_of, coalesce(e.silent, false) AS silent, l.silent_until, o.ack_by_poll,
  o.created_at, coalesce(e.started_at, l.started_at) AS started_at, e.finished_at, e.expires_at, e.sweep_at, e.emptied_at, e.erased_at,
  o.traceparent, l.cancel_at, CASE WHEN l.request_id IS NULL THEN o.run_at ELSE l.run_at END AS run_at, l.due_at, l.dispatched_at,
  coalesce(l.epoch, 0) AS epoch, l.lease_token
FROM operation o
LEFT JOIN operation_end e ON e.request_id = o.request_id
LEFT JOIN live_operation l ON l.request_id = o.request_id;
COMMENT ON VIEW operation_view IS 'operations as they stand: for reading';

CREATE VIEW history_view AS
SELECT o.request_id AS operation_id, 1::bigint AS id, 'transition' AS kind, 'Waiting' AS state, NULL::real AS progress, 'Accepted' AS text, o.created_at, NULL AS stack
FROM operation o
UNION ALL
SELECT t.operation_id, (t.entry ->> 0)::bigint, 'transition', t.entry ->> 2, (t.entry ->> 3)::real, t.entry ->> 4, to_timestamp((t.entry ->> 1)::float8), t.entry ->> 5
FROM (
  SELECT e.request_id AS operation_id, line::json AS entry FROM operation_end e CROSS JOIN LATERAL string_to_table(e.transitions, E'\n') AS line
  UNION ALL
  SELECT l.request_id, line::json FROM live_operation l CROSS JOIN LATERAL string_to_table(l.transitions, E'\n') AS line
) t
UNION ALL
SELECT h.operation_id, h.id, h.kind, NULL, h.progress, h.text, h.created_at, NULL FROM history_entry h;
COMMENT ON VIEW history_view IS 'what happened to operations, by entry id: for reading';
