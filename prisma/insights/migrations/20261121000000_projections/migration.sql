-- Insights' own view of what moved, kept from EntryPosted: one row for each statement line.
CREATE TABLE movement (
  posting_id uuid PRIMARY KEY,
  owner_id uuid NOT NULL,
  account_id uuid NOT NULL,
  currency text NOT NULL,
  amount numeric(38, 0) NOT NULL, -- signed: negative leaves the account
  line_type text NOT NULL,
  -- The other end is the same person's: neither spent nor earned.
  between_own_accounts boolean NOT NULL,
  at timestamptz(3) NOT NULL
);

CREATE INDEX movement_of_owner ON movement (owner_id, currency, at);

-- Kept from AccountOpened: a person's own currency is the one of the oldest account.
CREATE TABLE account (
  id uuid PRIMARY KEY,
  owner_id uuid NOT NULL,
  currency text NOT NULL,
  opened_at timestamptz(3) NOT NULL
);

CREATE INDEX account_of_owner ON account (owner_id, opened_at, id);
