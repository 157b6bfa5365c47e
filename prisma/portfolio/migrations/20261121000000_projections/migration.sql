-- Portfolio's own view of what customers have, kept from AccountOpened and EntryPosted. An account's row is as of its newest
-- known version; events may come in any order, and an older one changes nothing.
CREATE TABLE account (
  id uuid PRIMARY KEY,
  owner_id uuid NOT NULL,
  currency text NOT NULL,
  version bigint NOT NULL DEFAULT 0,
  posted numeric(38, 0) NOT NULL DEFAULT 0,
  opened_at timestamptz(3) -- null until AccountOpened has come: a posting may overtake it in the log
);

CREATE INDEX account_of_owner ON account (owner_id);

-- Every balance an account has had, for the value at a moment. Before the first row it was zero.
CREATE TABLE balance (
  account_id uuid NOT NULL,
  version bigint NOT NULL,
  posted numeric(38, 0) NOT NULL,
  at timestamptz(3) NOT NULL,
  PRIMARY KEY (account_id, version)
);

CREATE INDEX balance_at ON balance (account_id, at, version);
