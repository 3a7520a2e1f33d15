-- Accounts, their keys, and what was done with them.

CREATE TABLE account (
  id text PRIMARY KEY,
  name text NOT NULL UNIQUE,
  slots integer NOT NULL CHECK (slots > 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  number bigint GENERATED ALWAYS AS IDENTITY NOT NULL UNIQUE,
  disabled_at timestamptz,
  deleted_at timestamptz,
  quota_bytes bigint CHECK (quota_bytes >= 0),
  quota_waiting integer CHECK (quota_waiting >= 0),
  requests_per_s float8 CHECK (requests_per_s >= 0)
);
COMMENT ON COLUMN account.number IS 'from 1, in the order in which accounts were made';
COMMENT ON COLUMN account.disabled_at IS 'since when its keys are refused';
COMMENT ON COLUMN account.deleted_at IS 'nobody finds it any more; housekeeping deletes what it has, and this row last';
COMMENT ON COLUMN account.quota_bytes IS 'bytes that it may have stored; 0 for any, null for RINGBACK_QUOTA_BYTES';
COMMENT ON COLUMN account.quota_waiting IS 'operations that it may have Waiting; 0 for any, null for RINGBACK_QUOTA_WAITING';
COMMENT ON COLUMN account.requests_per_s IS 'requests that it may make a second, per process; 0 for any, null for RINGBACK_REQUESTS_PER_S';

CREATE TABLE api_key (
  id text PRIMARY KEY,
  account_id text NOT NULL REFERENCES account (id),
  name text NOT NULL,
  hash text NOT NULL UNIQUE,
  scopes text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);
CREATE INDEX api_key_account ON api_key (account_id);
COMMENT ON COLUMN api_key.last_used_at IS 'to about a minute';

CREATE TABLE auth_token (
  hash text PRIMARY KEY,
  key_id text NOT NULL REFERENCES api_key (id) ON DELETE CASCADE,
  used_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX auth_token_used ON auth_token (used_at);
COMMENT ON TABLE auth_token IS 'tokens of the trm face: SHA-256 of the token, and the API key that it stands for until it has been idle for long';

CREATE TABLE console_session (
  hash text PRIMARY KEY,
  key_id text NOT NULL REFERENCES api_key (id) ON DELETE CASCADE,
  began_at timestamptz NOT NULL DEFAULT now(),
  used_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX console_session_used ON console_session (used_at);
COMMENT ON TABLE console_session IS 'logins to the console: SHA-256 of the token in the cookie, and the API key that it stands for until it ends, has been idle for long, or the key ends';
COMMENT ON COLUMN console_session.used_at IS 'to about a quarter of a minute';

CREATE TABLE audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  account_id text,
  actor_key_id text,
  actor_name text,
  address text,
  via text,
  action text NOT NULL,
  target text,
  details jsonb NOT NULL DEFAULT '{}',
  sum_key text
);
CREATE INDEX audit_account ON audit (account_id, id);
CREATE INDEX audit_at ON audit (at);
CREATE UNIQUE INDEX audit_sum ON audit (sum_key) WHERE (sum_key IS NOT NULL);
COMMENT ON TABLE audit IS 'what was done with keys, accounts, secrets, endpoints, operations and deliveries, and logins; never changed but for a count, deleted when RINGBACK_AUDIT_RETENTION is over';
COMMENT ON COLUMN audit.account_id IS 'the account that it concerns; it may be gone by now';
COMMENT ON COLUMN audit.via IS '`console` where it was done there; null for the API';
COMMENT ON COLUMN audit.sum_key IS 'minute and kind of what is summed up: the same once more only makes its count grow';

CREATE TABLE callback_host (
  account_id text NOT NULL,
  name text NOT NULL,
  first_used_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, name)
);
CREATE INDEX callback_host_age ON callback_host (first_used_at);
CREATE INDEX callback_host_new ON callback_host (account_id, first_used_at);
COMMENT ON TABLE callback_host IS 'hosts of the callback URLs an account has given: a host that is not here is new, and new ones are bounded';

CREATE TABLE resealing (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  key_id text NOT NULL DEFAULT '',
  source integer NOT NULL DEFAULT 0,
  reached text,
  left_over integer NOT NULL DEFAULT 0,
  due_at timestamptz
);
INSERT INTO resealing DEFAULT VALUES;
COMMENT ON TABLE resealing IS 'how far the sealed values have been sealed anew with the first secret key';
COMMENT ON COLUMN resealing.source IS 'which kind of sealed values is being looked at';
COMMENT ON COLUMN resealing.reached IS 'the last row of it that was looked at; null: none yet';
COMMENT ON COLUMN resealing.left_over IS 'values of this walk that are still sealed with another key';
COMMENT ON COLUMN resealing.due_at IS 'when the next walk begins; null: one is on its way';
