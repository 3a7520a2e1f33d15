-- Jobs of other APIs that operations wait for. A row is there from the answer that names the job until somebody finds that the
-- operation has ended. It is narrow, since it changes with each poll, which nothing else does.

CREATE TABLE live_poll (
  request_id bigint PRIMARY KEY,
  account_id text NOT NULL,
  rid text NOT NULL,
  type text NOT NULL,
  due_at timestamptz NOT NULL,
  lease_token uuid,
  lease_until timestamptz,
  failures smallint NOT NULL DEFAULT 0,
  refusals smallint NOT NULL DEFAULT 0,
  target text NOT NULL,
  CHECK ((lease_token IS NULL) = (lease_until IS NULL))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
CREATE INDEX live_poll_due ON live_poll (due_at);
COMMENT ON TABLE live_poll IS 'a job of another API that an operation waits for (awaits = ''poll''), whose due_at is when it has waited for long enough';
COMMENT ON COLUMN live_poll.due_at IS 'of the next poll; where a run of the handler fetches the result, of the next look whether it has';
COMMENT ON COLUMN live_poll.lease_token IS 'of whoever polls it now: nobody else does before lease_until. No index has these two, so that taking one is cheap';
COMMENT ON COLUMN live_poll.failures IS 'polls in a row that told nothing of the job';
COMMENT ON COLUMN live_poll.refusals IS 'of these the last ones that were answered 401 or 403';
COMMENT ON COLUMN live_poll.target IS 'sealed JSON: the URL to poll, or to fetch the result from, and the headers to send';
