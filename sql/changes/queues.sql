-- Queues of the QStash face are ordered flow keys of their own name, '$queue/<name>': what is shown of one says since when there is it.
ALTER TABLE flow ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();
