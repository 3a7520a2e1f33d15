-- Schedules: the row is the truth. Who moves one on accepts its operation in the same commit.

CREATE TABLE schedule (
  id text PRIMARY KEY,
  account_id text NOT NULL REFERENCES account (id),
  name text NOT NULL,
  cron text,
  every_s float8 CHECK (every_s > 0),
  at timestamptz,
  time_zone text NOT NULL,
  operation text NOT NULL,
  missed text NOT NULL CHECK (missed IN ('skip', 'once', 'all')),
  overlap text NOT NULL CHECK (overlap IN ('allow', 'skip')),
  jitter_s float8 NOT NULL DEFAULT 0,
  ends_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  changes integer NOT NULL DEFAULT 0,
  paused_at timestamptz,
  next_tick timestamptz,
  due_at timestamptz,
  last_tick timestamptz,
  last_operation bigint,
  skipped_tick timestamptz,
  skipped_reason text,
  CHECK (num_nonnulls(cron, every_s, at) = 1)
);
CREATE INDEX schedule_account ON schedule (account_id, id);
CREATE INDEX schedule_due ON schedule (due_at) WHERE due_at IS NOT NULL;
COMMENT ON TABLE schedule IS 'operations that are submitted at times known beforehand: each of those times is a tick';
COMMENT ON COLUMN schedule.operation IS 'sealed JSON of what is submitted at each tick';
COMMENT ON COLUMN schedule.changes IS 'how often it was changed: who changes it knows what it was';
COMMENT ON COLUMN schedule.next_tick IS 'the first tick of which nothing has become yet; null where none is left, or it is paused';
COMMENT ON COLUMN schedule.due_at IS 'when next_tick is submitted, later than that by its jitter, or when it is tried again';
COMMENT ON COLUMN schedule.last_operation IS 'request id of what its last tick submitted';
COMMENT ON COLUMN schedule.skipped_tick IS 'the last tick of which no operation has become';
