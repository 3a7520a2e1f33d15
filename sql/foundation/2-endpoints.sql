-- Who receives: endpoints with their secrets, what is known of origins and receivers, and what is brought forward.

CREATE TABLE endpoint (
  id text PRIMARY KEY,
  account_id text NOT NULL REFERENCES account (id),
  mode text NOT NULL DEFAULT 'push' CHECK (mode IN ('push', 'pull')),
  url text NOT NULL,
  origin text NOT NULL,
  description text NOT NULL,
  events text[] NOT NULL,
  headers text,
  retry_schedule float8[],
  max_in_flight integer CHECK (max_in_flight > 0),
  rate_per_s float8 CHECK (rate_per_s > 0),
  signature_profile text NOT NULL,
  disabled_at timestamptz,
  disabled_reason text,
  failing_since timestamptz,
  rate_used_until timestamptz NOT NULL DEFAULT '-infinity',
  created_at timestamptz NOT NULL DEFAULT now(),
  thin_over integer,
  client_certificate text,
  lease_s integer CHECK (lease_s > 0),
  ephemeral_s integer CHECK (ephemeral_s > 0),
  pulled_at timestamptz,
  CHECK ((mode = 'pull') = (url = ''))
);
CREATE INDEX endpoint_account ON endpoint (account_id, id);
CREATE INDEX endpoint_pull ON endpoint (id) WHERE mode = 'pull';
COMMENT ON COLUMN endpoint.mode IS 'pull: it has no URL; its deliveries wait until a consumer asks for them';
COMMENT ON COLUMN endpoint.origin IS 'of its url; empty where that is';
COMMENT ON COLUMN endpoint.lease_s IS 'for how long what a consumer has pulled is its own, unless it says otherwise; null: 30';
COMMENT ON COLUMN endpoint.ephemeral_s IS 'deleted so long after it was last pulled; null: kept';
COMMENT ON COLUMN endpoint.pulled_at IS 'when a consumer last asked, within some seconds, or it was enabled; null: not yet';
COMMENT ON COLUMN endpoint.failing_since IS 'first failure after the last success; null while attempts succeed';
COMMENT ON COLUMN endpoint.rate_used_until IS 'up to when the attempts already dispatched have used the rate up';
COMMENT ON COLUMN endpoint.thin_over IS 'bytes: a larger body leaves the result out; null: the setting''s';
COMMENT ON COLUMN endpoint.client_certificate IS 'sealed PEM of the certificate, its chain and its key that TLS shows the receiver';

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
CREATE UNIQUE INDEX signing_secret_current ON signing_secret (account_id, COALESCE(endpoint_id, ''), kind) WHERE (expires_at IS NULL);

CREATE TABLE origin (
  name text PRIMARY KEY,
  proven_at timestamptz,
  asked_at timestamptz[] NOT NULL DEFAULT '{}',
  rests_until timestamptz NOT NULL DEFAULT '-infinity',
  receiver text
);
COMMENT ON TABLE origin IS 'what is known of destinations: one that has never answered 2xx (proven_at null) is asked slowly';
COMMENT ON COLUMN origin.asked_at IS 'the last 60 attempts that were dispatched while it was unproven';
COMMENT ON COLUMN origin.rests_until IS 'after an attempt that got no answer: not asked before, so that many that hang don''t time out at the same instants for ever';
COMMENT ON COLUMN origin.receiver IS 'the only one that is known there; empty: there are others, for whom a part of its room is kept';

CREATE TABLE receiver (
  lane text NOT NULL,
  receiver bigint NOT NULL,
  answers boolean NOT NULL,
  known_at timestamptz NOT NULL DEFAULT now(),
  rests_until timestamptz NOT NULL DEFAULT '-infinity',
  PRIMARY KEY (lane, receiver)
);
CREATE INDEX receiver_known ON receiver (known_at);
COMMENT ON TABLE receiver IS 'whether those that deliveries go to have answered or were silent, as known since their last change';
COMMENT ON COLUMN receiver.rests_until IS 'as of origins';

CREATE TABLE recovery (
  id text PRIMARY KEY,
  account_id text NOT NULL,
  endpoint_id text,
  since timestamptz NOT NULL,
  until timestamptz NOT NULL,
  reason text,
  pending boolean NOT NULL,
  found integer NOT NULL,
  requeued integer NOT NULL,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'finished', 'canceled')),
  created_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz
);
CREATE INDEX recovery_account ON recovery (account_id);
CREATE INDEX recovery_running ON recovery (created_at) WHERE (state = 'running');
COMMENT ON COLUMN recovery.endpoint_id IS 'null: of the account''s operations'' own callbacks';
COMMENT ON COLUMN recovery.reason IS 'only what was given up for this; null: for whatever';
COMMENT ON COLUMN recovery.pending IS 'also what waits for its next attempt';
COMMENT ON COLUMN recovery.found IS 'as counted when it began';
COMMENT ON COLUMN recovery.requeued IS 'brought forward so far';

CREATE TABLE recovery_lane (
  recovery_id text NOT NULL REFERENCES recovery (id) ON DELETE CASCADE,
  lane text NOT NULL,
  reached bigint NOT NULL DEFAULT 0,
  done boolean NOT NULL DEFAULT false,
  PRIMARY KEY (recovery_id, lane)
);
COMMENT ON COLUMN recovery_lane.reached IS 'the last delivery (seq) that was looked at: where it goes on after a crash';
