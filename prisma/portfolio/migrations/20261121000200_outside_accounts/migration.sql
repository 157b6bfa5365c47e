-- What people have elsewhere, as their payment methods last said (PaymentMethodSynced). Outside facts and no money of this bank:
-- shown apart, in no total.
CREATE TABLE outside_account (
  payment_method_id uuid PRIMARY KEY,
  owner_id uuid NOT NULL,
  currency text, -- null, and so is the balance, where the source does not say
  balance numeric(38, 0),
  seen_at timestamptz(3) NOT NULL,
  disconnected boolean NOT NULL DEFAULT false, -- for ever: an event that comes late does not bring it back
  changes bigint NOT NULL DEFAULT 1, -- grows with every change, for live portfolios
  CHECK ((currency IS NULL) = (balance IS NULL))
);

CREATE INDEX outside_account_of_owner ON outside_account (owner_id);
