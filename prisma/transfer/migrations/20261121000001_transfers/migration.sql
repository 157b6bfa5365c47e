-- A transfer as its two ends see it. Only posted or otherwise started transfers have a row: what was refused has none.
-- The id is a UUIDv7 made when the transfer was asked for, so that it sorts by that time and is what the table can be
-- partitioned by.
CREATE TABLE transfer (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL, -- who asked for it
  type text NOT NULL CHECK (type IN ('DEPOSIT', 'WITHDRAWAL', 'INTERNAL', 'EXTERNAL', 'EXCHANGE')),
  status text NOT NULL CHECK (status IN (
    'INITIATED', 'VALIDATING', 'BALANCE_RESERVED', 'SENT_TO_PROVIDER', 'PROVIDER_PROCESSING', 'PROVIDER_CONFIRMING',
    'HELD_FOR_REVIEW', 'COMPLETED', 'FAILED', 'EXPIRED', 'CANCELLED', 'COMPENSATING', 'COMPENSATED', 'REVERSED'
  )),
  amount numeric(38, 0) NOT NULL CHECK (amount > 0),
  currency text NOT NULL,
  fees numeric(38, 0) NOT NULL DEFAULT 0 CHECK (fees >= 0), -- in the same currency, on top of amount
  -- What arrives, or will: the amount itself, but for an EXCHANGE, which also keeps what it was calculated from.
  destination_amount numeric(38, 0) NOT NULL CHECK (destination_amount > 0),
  destination_currency text NOT NULL,
  exchange_rate text, -- destination per source unit, the plain decimal that was used: nothing is rounded on the way
  rate_date date, -- the day of the rates behind it
  -- An end inside this bank has an account; an end of a customer (account or payment method) has its owner; every end has a
  -- label. What the other side may read is the label.
  source_account_id uuid,
  source_payment_method_id uuid, -- of a DEPOSIT
  source_owner_id uuid,
  source_label text NOT NULL,
  destination_account_id uuid,
  destination_owner_id uuid,
  destination_label text NOT NULL,
  description text,
  failure_code text, -- why FAILED, in the provider's words
  timeline jsonb NOT NULL, -- [{"status", "at"}], oldest first: only steps that really happened
  created_at timestamptz(3) NOT NULL,
  updated_at timestamptz(3) NOT NULL,
  CONSTRAINT exchange_has_its_rate CHECK (
    (type = 'EXCHANGE') = (exchange_rate IS NOT NULL) AND (exchange_rate IS NULL) = (rate_date IS NULL)
  )
);

-- "Transfers from or to a person, newest first" is the union of two walks.
CREATE INDEX transfer_from ON transfer (source_owner_id, id);
CREATE INDEX transfer_to ON transfer (destination_owner_id, id);

-- What a caller's key stands for, for ever at least 30 days: the hash of the normalised input, and what became of it.
-- verdict null = accepted, then transfer_id is its transfer; else the refusal that every repetition gets again.
CREATE TABLE idempotency_key (
  user_id uuid NOT NULL,
  mutation text COLLATE "C" NOT NULL, -- compared byte by byte, whatever the database's locale: cheaper, and one order everywhere
  key text COLLATE "C" NOT NULL,
  body_hash bytea NOT NULL,
  transfer_id uuid NOT NULL,
  verdict text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, mutation, key)
);

-- Transfer's own view of the customers, kept from UserRegistered: whom an email means, and what the other side is called.
-- The hash is keyed (platform/email-hash.ts), so that this table tells nobody any address.
CREATE TABLE payee (
  user_id uuid PRIMARY KEY,
  email_hash text NOT NULL UNIQUE,
  display_name text NOT NULL
);
