-- An operation of a type that no worker has is ended by the time that it has waited for one, not by how often it was tried.
ALTER TABLE live_operation ADD COLUMN unhandled_since timestamptz;
COMMENT ON COLUMN live_operation.unhandled_since IS 'since when each worker that claimed it had no handler of its type; null: the last one had one, or none has claimed it yet';
