-- URL groups of the QStash face: names that a message is sent to, and the URLs that each of them stands for.

CREATE TABLE url_group (
  id text PRIMARY KEY,
  -- A version that doesn't know the table deletes accounts, too.
  account_id text NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  name text NOT NULL,
  endpoints text NOT NULL,
  changes integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (account_id, name)
);
COMMENT ON TABLE url_group IS 'names that stand for several URLs: a message to one of them becomes a message to each';
COMMENT ON COLUMN url_group.endpoints IS 'sealed JSON array of { name, url }, in the order in which they were added';
COMMENT ON COLUMN url_group.changes IS 'how often it was changed: who changes it knows what it was';
