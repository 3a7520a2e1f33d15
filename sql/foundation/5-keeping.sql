-- Files, and what the service keeps for itself.

CREATE TABLE file (
  id text PRIMARY KEY,
  account_id text NOT NULL,
  name text NOT NULL,
  content_type text NOT NULL,
  size bigint NOT NULL,
  sha256 text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  operation_id bigint,
  phase text NOT NULL DEFAULT 'stored' CHECK (phase IN ('writing', 'stored', 'going'))
);
CREATE INDEX file_account ON file (account_id);
CREATE INDEX file_expiry ON file (expires_at) WHERE (expires_at IS NOT NULL);
CREATE INDEX file_operation ON file (operation_id) WHERE (operation_id IS NOT NULL);
COMMENT ON COLUMN file.operation_id IS 'the operation that stored it, and whose expiry it shares; null: an upload';
COMMENT ON COLUMN file.phase IS 'writing: its bytes are on their way; going: its bytes are being deleted, the row last';

CREATE TABLE file_use (
  operation_id bigint NOT NULL,
  file_id text NOT NULL,
  PRIMARY KEY (operation_id, file_id)
);
CREATE INDEX file_use_file ON file_use (file_id);
COMMENT ON TABLE file_use IS 'files that the inputs of operations name: kept as long as these may run';

CREATE TABLE origin_call (
  request_id bigint PRIMARY KEY,
  lease_token uuid NOT NULL,
  origin text NOT NULL
);
CREATE INDEX origin_call_origin ON origin_call (origin);
COMMENT ON TABLE origin_call IS 'runs of http.request that have a place at their origin; one whose operation has another lease, or none, has left it';

CREATE TABLE idempotency_key (
  account_id text NOT NULL,
  key text NOT NULL,
  fingerprint text NOT NULL,
  rid text NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_key_expiry ON idempotency_key (expires_at);

CREATE TABLE chore (
  name text PRIMARY KEY,
  due_at timestamptz NOT NULL,
  epoch integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE chore IS 'recurring work of the whole installation: dispatched and claimed like an operation';
COMMENT ON COLUMN chore.epoch IS 'grows with every dispatch and claim: what names an older one is void';

CREATE TABLE operation_type (
  name text PRIMARY KEY,
  title text NOT NULL,
  input_schema text NOT NULL,
  tries integer NOT NULL,
  timeout_s float8 NOT NULL,
  retry text NOT NULL,
  path text,
  inline_ms integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE operation_type IS 'types that remote workers run: operations of these are offered';
COMMENT ON COLUMN operation_type.retry IS 'JSON: backoff_s, retry_on, no_retry_on';

CREATE TABLE slot_wanted (
  account_id text PRIMARY KEY,
  until timestamptz NOT NULL
);
COMMENT ON TABLE slot_wanted IS 'accounts whose next free slot dispatch leaves, until then, to an operation that is offered and stands before those that are ready';

CREATE TABLE process (
  id text PRIMARY KEY,
  roles text[] NOT NULL,
  version text NOT NULL,
  host text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(),
  capacity integer NOT NULL,
  running integer NOT NULL,
  handlers text[] NOT NULL
);
COMMENT ON TABLE process IS 'who works: each process says so every 10 s, and of remote workers (role remote) whom they ask; nothing is decided by it';

CREATE TABLE lease_watch (
  one boolean DEFAULT true PRIMARY KEY CHECK (one),
  looked_at timestamptz NOT NULL
);
COMMENT ON TABLE lease_watch IS 'when a process last looked for leases that have run out: after a gap of a third of a lease, those are spared for as long';

CREATE TABLE fairness_cursor (
  of text PRIMARY KEY CHECK (of IN ('operations', 'deliveries', 'paused', 'work')),
  served text NOT NULL DEFAULT ''
);
COMMENT ON TABLE fairness_cursor IS 'whom the last round of dispatch served last: the next one begins behind it';

INSERT INTO chore (name, due_at) VALUES ('housekeeping', now() + interval '1 minute');
INSERT INTO lease_watch (looked_at) VALUES (now());
INSERT INTO fairness_cursor (of) VALUES ('operations'), ('deliveries'), ('paused'), ('work');
