-- Batches: up to 1,000 transfers that a customer asks for together. Each item gets its verdict once, whoever works on it: DONE with
-- its transfer, or REFUSED with the reasons. The counters move in the transaction of the verdicts.
CREATE TABLE batch (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL,
  idempotency_key text COLLATE "C" NOT NULL,
  body_hash bytea NOT NULL,
  -- Part of the idempotency key of every item's transfer, and shown to nobody: a customer cannot use these keys for something else.
  key_seed uuid NOT NULL,
  mode text NOT NULL CHECK (mode IN ('EACH', 'ALL_OR_NOTHING')),
  status text NOT NULL CHECK (status IN ('PROCESSING', 'COMPLETED', 'REFUSED')),
  origin json, -- {"ip": …, "deviceId": …}: where it was asked for, for risk; while it is being worked on
  total int NOT NULL CHECK (total > 0),
  done int NOT NULL DEFAULT 0 CHECK (done >= 0),
  refused int NOT NULL DEFAULT 0 CHECK (refused >= 0),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz(3),
  CONSTRAINT verdicts_end_a_batch CHECK ((status = 'PROCESSING') = (ended_at IS NULL) AND (status = 'PROCESSING') = (done + refused < total)),
  CONSTRAINT no_more_verdicts_than_items CHECK (done + refused <= total),
  CONSTRAINT all_or_nothing CHECK (mode = 'EACH' OR done IN (0, total))
);
CREATE UNIQUE INDEX batch_idempotency_key ON batch (user_id, idempotency_key);
CREATE INDEX batch_of ON batch (user_id, id);

CREATE TABLE batch_item (
  batch_id uuid NOT NULL REFERENCES batch (id),
  number int NOT NULL CHECK (number > 0), -- its place
  item_key text COLLATE "C" NOT NULL,
  input json NOT NULL, -- as createTransfer takes it, without a key; not jsonb, which refuses texts that clients may send
  status text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'DONE', 'REFUSED')),
  transfer_id uuid,
  user_errors jsonb NOT NULL DEFAULT '[]',
  PRIMARY KEY (batch_id, number),
  CONSTRAINT only_a_done_item_has_a_transfer CHECK ((status = 'DONE') = (transfer_id IS NOT NULL)),
  CONSTRAINT only_a_refused_item_says_why CHECK ((status = 'REFUSED') = (user_errors <> '[]'))
);
CREATE UNIQUE INDEX batch_item_key ON batch_item (batch_id, item_key);
CREATE INDEX batch_item_pending ON batch_item (batch_id, status, number);
