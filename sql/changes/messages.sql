-- What signs an account's messages, in QStash's way.
CREATE TABLE message_key (
  account_id text PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  current_key text NOT NULL,
  next_key text NOT NULL,
  rotated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE message_key IS 'what signs an account''s messages, and what will after the next rotation; both sealed';
