-- Standing orders and scheduled transfers: what the bank asks createTransfer for by itself.
--
-- An order is ACTIVE while next_due_at is there. Whoever finds it due, by the database's clock and under the lock of its row, moves
-- next_number on and writes the occurrence (standing_order_id, number): the primary key is why no occurrence is begun twice. When it is
-- due is calculated by subgraphs/transfer/schedules/occurrences.ts; here it is only compared.
CREATE TABLE standing_order (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL,
  mutation text NOT NULL CHECK (mutation IN ('createStandingOrder', 'scheduleTransfer')),
  idempotency_key text COLLATE "C" NOT NULL,
  body_hash bytea NOT NULL,
  -- Part of the idempotency key of every transfer that is made, and shown to nobody: a customer cannot use these keys for something else.
  key_seed uuid NOT NULL,
  status text NOT NULL CHECK (status IN ('ACTIVE', 'PAUSED', 'CANCELLED', 'ENDED')),
  -- As createTransfer takes them: {"accountId": …}. Not jsonb, which refuses texts that clients may send.
  source json NOT NULL,
  destination json NOT NULL,
  amount numeric(38, 0) NOT NULL CHECK (amount > 0),
  currency text NOT NULL,
  description text,
  preference text NOT NULL,
  frequency text NOT NULL CHECK (frequency IN ('ONCE', 'DAILY', 'WEEKLY', 'MONTHLY')),
  first_on date NOT NULL,
  ends_on date,
  day_of_month int CHECK (day_of_month BETWEEN 1 AND 31),
  time_zone text NOT NULL,
  time_of_day text NOT NULL CHECK (time_of_day ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'),
  on_insufficient_funds text NOT NULL CHECK (on_insufficient_funds IN ('SKIP', 'RETRY')),
  origin json, -- {"ip": …, "deviceId": …}: where it was ordered, for risk; until its first occurrence is DONE
  next_number int NOT NULL CHECK (next_number > 0), -- the first one that has not been due yet
  next_due_at timestamptz(3),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT only_an_active_order_is_due CHECK ((status = 'ACTIVE') = (next_due_at IS NOT NULL)),
  CONSTRAINT only_a_monthly_order_has_a_day CHECK ((frequency = 'MONTHLY') = (day_of_month IS NOT NULL))
);
CREATE UNIQUE INDEX standing_order_idempotency_key ON standing_order (user_id, mutation, idempotency_key);
CREATE INDEX standing_order_of ON standing_order (user_id, id);
CREATE INDEX standing_order_due ON standing_order (next_due_at);

CREATE TABLE standing_order_occurrence (
  standing_order_id uuid NOT NULL REFERENCES standing_order (id),
  number int NOT NULL CHECK (number > 0),
  due_at timestamptz(3) NOT NULL,
  status text NOT NULL CHECK (status IN ('DUE', 'DONE', 'SKIPPED', 'FAILED')),
  attempt int NOT NULL DEFAULT 1 CHECK (attempt > 0), -- part of the transfer's idempotency key
  run_after timestamptz(3) NOT NULL, -- this attempt does not begin before
  -- From begun_at on this attempt is carried through whatever happens to the order, because its transfer may be there. The amount is
  -- kept with it: the same key with another amount would be refused.
  begun_at timestamptz(3),
  amount numeric(38, 0),
  look_at timestamptz(3), -- when to make sure that a DUE one has its job
  transfer_id uuid,
  code text,
  ended_at timestamptz(3),
  PRIMARY KEY (standing_order_id, number),
  CONSTRAINT only_a_done_one_has_a_transfer CHECK ((status = 'DONE') = (transfer_id IS NOT NULL)),
  CONSTRAINT only_a_due_one_is_looked_at CHECK ((status = 'DUE') = (look_at IS NOT NULL) AND (status = 'DUE') = (ended_at IS NULL)),
  CONSTRAINT what_has_begun_has_its_amount CHECK ((begun_at IS NULL) = (amount IS NULL))
);
CREATE INDEX standing_order_occurrence_to_look_at ON standing_order_occurrence (look_at);
