-- What a customer sees of an account beside its money. The money, its currency, kind and status are the ledger's.

CREATE TABLE account (
  -- The ledger's account id; both rows come into being in one transaction (subgraphs/wallet/open-account.ts).
  id       uuid PRIMARY KEY,
  owner_id uuid NOT NULL,
  name     text NOT NULL CHECK (length(name) BETWEEN 1 AND 80)
);

-- How many accounts a customer has. Its row is what two openings at the same moment meet at, so that the bound holds.
CREATE TABLE account_holder (
  owner_id uuid    PRIMARY KEY,
  accounts integer NOT NULL CHECK (accounts > 0)
);
