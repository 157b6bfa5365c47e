-- What a customer calls money set aside on an account, and what it is to become. How much it holds is the ledger's (ledger.pocket).
CREATE TABLE pocket (
  -- The ledger's pocket id; both rows come into being in one transaction (subgraphs/wallet/pockets/create-pocket.ts).
  id         uuid           PRIMARY KEY,
  owner_id   uuid           NOT NULL,
  account_id uuid           NOT NULL,
  name       text           NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
  -- In minor units of the account's currency.
  target     numeric(38, 0) CHECK (target > 0),
  created_at timestamptz(3) NOT NULL
);

-- What was asked for under an idempotency key and has been done: the same key again finds it and does nothing more. What was refused
-- leaves no row, so that the same wish may be tried again.
CREATE TABLE pocket_wish (
  owner_id   uuid           NOT NULL,
  key        text           NOT NULL CHECK (length(key) BETWEEN 1 AND 64),
  -- SHA-256 of what was asked.
  body       bytea          NOT NULL CHECK (length(body) = 32),
  pocket_id  uuid           NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (owner_id, key)
);
