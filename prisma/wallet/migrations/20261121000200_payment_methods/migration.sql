-- Linked outside sources of money, and the lines of their statements. They are facts from outside, not postings of this bank.

CREATE TABLE payment_method (
  id            uuid           PRIMARY KEY,
  owner_id      uuid           NOT NULL,
  type          text           NOT NULL CHECK (type IN ('BANK_ACCOUNT', 'CARD', 'MOBILE_MONEY', 'CRYPTO_WALLET', 'APPLE_PAY', 'GOOGLE_PAY')),
  provider      text           NOT NULL,
  -- A keyed hash of what makes the source the same one (account number, card token): linked again, it is the same row. The
  -- number itself is kept nowhere.
  identity      bytea          NOT NULL CHECK (length(identity) = 32),
  label         text           NOT NULL CHECK (length(label) BETWEEN 1 AND 80),
  -- False when the customer gave the label; else it follows what the source says.
  label_is_made boolean        NOT NULL,
  -- What the provider knows it by; gone when the provider has forgotten it.
  reference     text,
  -- Of the outside account; null for what has none (cards).
  currency      text,
  balance       numeric(38, 0) CHECK (balance IS NULL OR balance_as_of IS NOT NULL AND currency IS NOT NULL),
  -- The moment the balance is of, as the source says.
  balance_as_of timestamptz(3),
  -- The moment up to which the newest statement tells: an older file changes neither balance nor last_sync.
  seen_as_of    timestamptz(3),
  last_sync     timestamptz(3),
  -- How many lines it has.
  lines         integer        NOT NULL DEFAULT 0 CHECK (lines >= 0),
  is_active     boolean        NOT NULL DEFAULT true,
  created_at    timestamptz(3) NOT NULL,
  -- The moment of the last change that others were told of. Given under the row's lock, each later than the one before: its order
  -- is the order of what happened, which no process clock read before the lock could promise.
  changed_at    timestamptz(3) NOT NULL
);
CREATE UNIQUE INDEX payment_method_identity_key ON payment_method (owner_id, provider, identity);
-- A person's payment methods, oldest first: ids sort by time.
CREATE INDEX payment_method_of ON payment_method (owner_id, id);

-- Disconnected ones that their provider has not forgotten yet.
CREATE INDEX payment_method_to_forget ON payment_method (provider, id) WHERE NOT is_active AND reference IS NOT NULL;

-- How many payment methods a customer has. Its row is what two links at the same moment meet at, so that the bound holds and
-- one source never becomes two.
CREATE TABLE payment_method_holder (
  owner_id        uuid    PRIMARY KEY,
  payment_methods integer NOT NULL CHECK (payment_methods >= 0)
);

CREATE TABLE external_transaction (
  id                uuid           PRIMARY KEY,
  payment_method_id uuid           NOT NULL REFERENCES payment_method (id),
  -- A hash of what the same line has in every file it stands in: told again, it is there already.
  identity          bytea          NOT NULL CHECK (length(identity) = 32),
  amount            numeric(38, 0) NOT NULL,
  description       text           NOT NULL,
  counterparty      text,
  booked_on         date           NOT NULL,
  merchant_category text
);
CREATE UNIQUE INDEX external_transaction_identity_key ON external_transaction (payment_method_id, identity);
-- A payment method's lines, newest first; ids of one day sort as they were booked.
CREATE INDEX external_transaction_of ON external_transaction (payment_method_id, booked_on, id);
