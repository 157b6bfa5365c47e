-- What people have elsewhere, as their payment methods last said (PaymentMethodSynced) while they are linked. Outside facts and no money of this bank:
-- shown apart, in no total.
CREATE TABLE outside_account (
  payment_method_id uuid PRIMARY KEY,
  owner_id uuid NOT NULL,
  currency text, -- null, and so is the balance, where the source does not say
  balance numeric(38, 0),
  seen_at timestamptz(3), -- when it last said so; null when it was heard of, but has not said anything yet
  balance_as_of timestamptz(3), -- when the balance stood there; null where the source does not say
  disconnected boolean NOT NULL DEFAULT false,
  linked_at timestamptz(3), -- when it was last linked or disconnected: an older event that comes late changes nothing
  changes bigint NOT NULL DEFAULT 1, -- grows with every change, for live portfolios
  CHECK ((currency IS NULL) = (balance IS NULL))
);

CREATE INDEX outside_account_of_owner ON outside_account (owner_id);
