-- What happened, for those who look on: counts by time, and what the feed tells that no record has.

CREATE TABLE stats (
  account_id text NOT NULL,
  step integer NOT NULL CHECK (step IN (60, 3600)),
  what text NOT NULL,
  at timestamptz NOT NULL,
  value text NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (account_id, step, what, at, value)
) WITH (fillfactor = 70);
-- As an expression that no reading has: without statistics this index looks as good to one as the key, and leads to all accounts.
CREATE INDEX stats_age ON stats (step, (at AT TIME ZONE 'UTC'));
COMMENT ON TABLE stats IS 'counts of records, added up by minute and by hour: what came after stats_reached is not in them yet';
COMMENT ON COLUMN stats.account_id IS '* of all accounts together';
COMMENT ON COLUMN stats.step IS 'seconds: a minute or an hour, which begins at `at`';
COMMENT ON COLUMN stats.what IS 'accepted, finished, failed, canceled, duration, type, error_code of operations; delivered, exhausted, failed_attempts, origin, error of deliveries';
COMMENT ON COLUMN stats.value IS 'of types, codes and the like: which one; of durations the power of 2^(1/5) that is nearest to their milliseconds; empty: all';

CREATE TABLE stats_reached (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  request_id bigint NOT NULL DEFAULT 0,
  feed_id bigint NOT NULL DEFAULT 0,
  next_request_id bigint NOT NULL DEFAULT 0,
  next_feed_id bigint NOT NULL DEFAULT 0,
  noted_at timestamptz NOT NULL DEFAULT '-infinity',
  noted_before bigint NOT NULL DEFAULT 0
);
INSERT INTO stats_reached DEFAULT VALUES;
COMMENT ON TABLE stats_reached IS 'operations up to request_id, and ends and attempts up to feed_id, are in stats, each once: moved in the commit that adds them';
COMMENT ON COLUMN stats_reached.next_request_id IS 'the last number that was given at noted_at; so is next_feed_id';
COMMENT ON COLUMN stats_reached.noted_before IS 'the transaction that noted it, which is after all that had taken a number: once those before it are over, whatever took a number has committed or never will';

CREATE TABLE endpoint_disabling (
  feed_id bigint PRIMARY KEY DEFAULT nextval('feed_id'),
  account_id text NOT NULL,
  endpoint_id text NOT NULL,
  url text NOT NULL,
  reason text,
  at timestamptz NOT NULL
);
CREATE INDEX endpoint_disabling_at ON endpoint_disabling (at);
COMMENT ON TABLE endpoint_disabling IS 'that endpoints were disabled, for the feed: their rows forget it when they are enabled';

CREATE FUNCTION note_disabling() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO endpoint_disabling (account_id, endpoint_id, url, reason, at) VALUES (NEW.account_id, NEW.id, NEW.url, NEW.disabled_reason, NEW.disabled_at);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION note_disabling() IS 'whichever statement disables';
CREATE TRIGGER endpoint_disabled AFTER UPDATE OF disabled_at ON endpoint FOR EACH ROW
WHEN (OLD.disabled_at IS NULL AND NEW.disabled_at IS NOT NULL) EXECUTE FUNCTION note_disabling();
