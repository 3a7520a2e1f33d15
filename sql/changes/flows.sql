-- Flow keys: of the operations of an account that have the same key only so many are Executing, and only so many start in any window of
-- time. Whatever makes such an operation ready, it waits for its key first ('keyed'), until admit_flows finds room there: from then on it
-- is as any other that is ready, and holds a place of its key until it ends, or waits again. Triggers see to that, for every statement,
-- also those of the version before; rows without a key pay for a condition that is false.

CREATE TABLE flow (
  -- A version that doesn't know the table deletes accounts, too.
  account_id text NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  key text NOT NULL,
  ordered boolean NOT NULL DEFAULT false,
  parallelism integer CHECK (parallelism > 0),
  rate integer CHECK (rate > 0),
  period_s float8 CHECK (period_s > 0),
  pinned_parallelism integer CHECK (pinned_parallelism > 0),
  pinned_rate integer CHECK (pinned_rate > 0),
  pinned_period_s float8 CHECK (pinned_period_s > 0),
  max_parallelism integer GENERATED ALWAYS AS (coalesce(pinned_parallelism, parallelism)) STORED,
  max_rate integer GENERATED ALWAYS AS (coalesce(pinned_rate, rate)) STORED,
  max_period_s float8 GENERATED ALWAYS AS (CASE WHEN pinned_rate IS NULL THEN period_s ELSE pinned_period_s END) STORED,
  paused_at timestamptz,
  made boolean NOT NULL DEFAULT false,
  kept boolean GENERATED ALWAYS AS (made OR pinned_parallelism IS NOT NULL OR pinned_rate IS NOT NULL OR paused_at IS NOT NULL) STORED,
  given_at timestamptz NOT NULL DEFAULT now(),
  used_at timestamptz,
  look_at timestamptz,
  start_times timestamptz[] NOT NULL DEFAULT '{}',
  start_counts integer[] NOT NULL DEFAULT '{}',
  PRIMARY KEY (account_id, key),
  CHECK ((rate IS NULL) = (period_s IS NULL)),
  CHECK ((pinned_rate IS NULL) = (pinned_period_s IS NULL))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
CREATE INDEX flow_look ON flow (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX flow_kept ON flow (account_id, key) WHERE kept;
COMMENT ON TABLE flow IS 'how many operations of a key may be Executing, and start in a period: as the last one that was submitted says, or as pinned';
COMMENT ON COLUMN flow.ordered IS 'an operation that has begun keeps its place, and its turn, until it has ended, also while it waits for its next try: with a parallelism of 1 none overtakes another';
COMMENT ON COLUMN flow.parallelism IS 'most that are Executing; null: any';
COMMENT ON COLUMN flow.rate IS 'most that start in any window of period_s seconds; null: any';
COMMENT ON COLUMN flow.pinned_parallelism IS 'holds in place of what is submitted';
COMMENT ON COLUMN flow.max_parallelism IS 'what holds';
COMMENT ON COLUMN flow.paused_at IS 'since when none of them begins';
COMMENT ON COLUMN flow.made IS 'it is there until it is removed, as queues are';
COMMENT ON COLUMN flow.kept IS 'somebody has set it up: it stays also where nothing uses it';
COMMENT ON COLUMN flow.given_at IS 'when its values were last changed';
COMMENT ON COLUMN flow.used_at IS 'when something was last noted of it, to an hour; null: as given_at';
COMMENT ON COLUMN flow.look_at IS 'when its window has room again for one that waits; null: nothing waits for that';
COMMENT ON COLUMN flow.start_times IS 'starts of the last period, the oldest first, as far as they are no flow_note; where they may be many, those of a hundredth of the period are one, at its end';
COMMENT ON COLUMN flow.start_counts IS 'how many starts each of start_times stands for';

CREATE TABLE flow_note (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_id text NOT NULL,
  key text NOT NULL,
  started_at timestamptz
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
CREATE INDEX flow_note_key ON flow_note (account_id, key);
COMMENT ON TABLE flow_note IS 'keys that something was changed of, in the commit that changed it: the dispatcher looks at each, and deletes the note. Inserted only, so that no commit waits for another''s';
COMMENT ON COLUMN flow_note.started_at IS 'when one of its operations was started; null: something else was changed';

ALTER TABLE operation ADD COLUMN flow text;
COMMENT ON COLUMN operation.flow IS 'JSON: its flow key, and the values that were given for it';
ALTER TABLE live_operation ADD COLUMN flow_key text, ADD COLUMN flow_place boolean NOT NULL DEFAULT false,
  DROP CONSTRAINT live_operation_phase_check,
  ADD CONSTRAINT live_operation_phase_check CHECK (phase IN ('scheduled', 'keyed', 'ready', 'offered', 'placed', 'apart', 'awaiting', 'aside'));
CREATE INDEX live_operation_keyed ON live_operation (account_id, flow_key, priority DESC, request_id) WHERE phase = 'keyed';
CREATE INDEX live_operation_flow ON live_operation (account_id, flow_key, flow_place, phase) WHERE flow_key IS NOT NULL;
COMMENT ON COLUMN live_operation.phase IS 'scheduled: due at run_at, or while it has a lease, somebody is ending it before it has run; keyed: waits for a place of its flow key; ready: may be dispatched; offered: of a declared type, so it gets its slot when a remote worker claims it; placed: has a slot, and is dispatched while it has no lease, running while it has one; apart: takes no slot and waits for none, running while it has a lease; awaiting: Executing without a worker, and has a slot; aside: the same without a slot. Those two have a lease only while somebody ends them or looks after them';
COMMENT ON COLUMN live_operation.flow_key IS 'null: none';
COMMENT ON COLUMN live_operation.flow_place IS 'has a place of its flow key: from when it may run until it has ended or waits again';

CREATE FUNCTION keep_flow() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  waits CONSTANT boolean := NEW.phase IN ('scheduled', 'keyed', 'ready', 'offered');
  -- No more of a key are admitted than its account has slots, so a slot that is free is told also where the place is kept.
  slot_freed CONSTANT boolean := TG_OP = 'UPDATE' AND OLD.phase IN ('placed', 'awaiting') AND (waits OR NEW.phase = 'aside');
  known record;
BEGIN
  SELECT f.ordered, f.max_rate INTO known FROM flow f WHERE f.account_id = NEW.account_id AND f.key = NEW.flow_key;
  IF TG_OP = 'UPDATE' AND NEW.attempt > OLD.attempt AND known.max_rate IS NOT NULL THEN
    INSERT INTO flow_note (account_id, key, started_at) VALUES (NEW.account_id, NEW.flow_key, clock_timestamp());
  END IF;
  IF slot_freed THEN
    INSERT INTO flow_note (account_id, key) VALUES (NEW.account_id, NEW.flow_key);
  END IF;
  -- What has been admitted stays so, wherever its workers are.
  IF NOT waits OR TG_OP = 'UPDATE' AND NEW.phase IN ('ready', 'offered') AND OLD.phase IN ('keyed', 'ready', 'offered') THEN
    RETURN NEW;
  END IF;
  NEW.phase := CASE WHEN NEW.lease_token IS NOT NULL OR NEW.phase = 'scheduled' THEN 'scheduled' ELSE 'keyed' END;
  NEW.flow_place := NEW.flow_place AND NEW.attempt > 0 AND coalesce(known.ordered, false);
  IF NOT slot_freed AND (NEW.phase = 'keyed' AND (TG_OP = 'INSERT' OR OLD.phase <> 'keyed') OR TG_OP = 'UPDATE' AND OLD.flow_place AND NOT NEW.flow_place) THEN
    INSERT INTO flow_note (account_id, key) VALUES (NEW.account_id, NEW.flow_key);
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION keep_flow() IS 'what has a flow key and could run waits for its key; its starts are noted, and that it gives up its place or its slot';
CREATE TRIGGER operation_flows BEFORE INSERT ON live_operation FOR EACH ROW
WHEN (NEW.flow_key IS NOT NULL) EXECUTE FUNCTION keep_flow();
CREATE TRIGGER operation_flows_on BEFORE UPDATE ON live_operation FOR EACH ROW
WHEN (NEW.flow_key IS NOT NULL AND (OLD.phase <> NEW.phase OR OLD.attempt <> NEW.attempt OR NEW.phase = 'keyed')) EXECUTE FUNCTION keep_flow();

CREATE FUNCTION free_flow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO flow_note (account_id, key) VALUES (OLD.account_id, OLD.flow_key);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION free_flow() IS 'what has ended has no place of its key any more';
CREATE TRIGGER operation_flowed AFTER DELETE ON live_operation FOR EACH ROW
WHEN (OLD.flow_place) EXECUTE FUNCTION free_flow();

CREATE FUNCTION widen_flows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO flow_note (account_id, key) SELECT f.account_id, f.key FROM flow f
  WHERE f.account_id = NEW.id AND EXISTS (SELECT FROM live_operation o WHERE o.account_id = f.account_id AND o.flow_key = f.key AND o.phase = 'keyed');
  RETURN NULL;
END $$;
COMMENT ON FUNCTION widen_flows() IS 'no more of a key are admitted than its account has slots';
CREATE TRIGGER account_widened AFTER UPDATE OF slots ON account FOR EACH ROW
WHEN (NEW.slots > OLD.slots) EXECUTE FUNCTION widen_flows();

CREATE OR REPLACE VIEW operation_view AS
SELECT o.request_id, o.rid, o.account_id, o.type, o.face,
  coalesce(e.state, CASE WHEN l.phase IN ('placed', 'apart') AND l.lease_token IS NOT NULL OR l.awaits IS NOT NULL THEN 'Executing' WHEN l.request_id IS NOT NULL THEN 'Waiting' END) AS state,
  CASE WHEN l.phase IN ('scheduled', 'keyed', 'ready', 'offered') THEN l.phase WHEN l.lease_token IS NOT NULL THEN 'running' WHEN l.awaits IS NOT NULL THEN 'awaiting' WHEN l.phase IS NOT NULL THEN 'dispatched' END AS phase,
  o.input, o.callback_url, o.callback_headers, o.callback_thin_over, o.correlation, o.priority, o.retention,
  coalesce(l.tries, o.tries) AS tries, o.timeout_s, coalesce(e.attempt, l.attempt) AS attempt, coalesce(e.progress, l.progress) AS progress,
  coalesce(e.status_text, l.status_text, CASE WHEN l.phase IN ('placed', 'apart') AND l.lease_token IS NOT NULL OR l.awaits IS NOT NULL THEN 'Executing...' ELSE 'Waiting...' END) AS status_text,
  e.result, e.custom, e.error_code, e.error_message, e.file_id, o.rerun_of, coalesce(e.silent, false) AS silent, l.silent_until, o.ack_by_poll,
  o.created_at, coalesce(e.started_at, l.started_at) AS started_at, e.finished_at, e.expires_at, e.sweep_at, e.emptied_at, e.erased_at,
  o.traceparent, o.schedule_id, o.tick, l.cancel_at, CASE WHEN l.request_id IS NULL THEN o.run_at ELSE l.run_at END AS run_at, l.due_at, l.dispatched_at,
  coalesce(l.epoch, 0) AS epoch, l.lease_token, o.flow
FROM operation o
LEFT JOIN operation_end e ON e.request_id = o.request_id
LEFT JOIN live_operation l ON l.request_id = o.request_id;
