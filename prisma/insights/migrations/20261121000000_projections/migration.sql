-- Insights' own view of what moved, kept from events: one row for each statement line of this bank (movement) and of outside
-- accounts (external_line), each with its category and why it has it. Run the listener again (npm run events -- replay) after
-- a change of the rules: rows are categorised anew.

CREATE TABLE movement (
  posting_id   uuid           PRIMARY KEY,
  owner_id     uuid           NOT NULL,
  account_id   uuid           NOT NULL,
  currency     text           NOT NULL,
  amount       numeric(38, 0) NOT NULL, -- signed: negative leaves the account
  line_type    text           NOT NULL,
  description  text,
  counterparty text,
  -- From one pocket of the customer's into another: neither spent nor earned.
  own_money    boolean        NOT NULL,
  category     text           NOT NULL,
  rule         text           NOT NULL,
  confidence   smallint       NOT NULL CHECK (confidence BETWEEN 0 AND 100),
  -- Equal for lines with the same other end; empty when the line does not name one.
  payee        text           NOT NULL,
  at           timestamptz(3) NOT NULL
);

CREATE INDEX movement_of_owner ON movement (owner_id, at);

CREATE TABLE external_line (
  external_transaction_id uuid           PRIMARY KEY,
  payment_method_id       uuid           NOT NULL,
  owner_id                uuid           NOT NULL,
  currency                text           NOT NULL,
  amount                  numeric(38, 0) NOT NULL,
  description             text           NOT NULL,
  counterparty            text,
  merchant_category       text,
  own_money               boolean        NOT NULL,
  category                text           NOT NULL,
  rule                    text           NOT NULL,
  confidence              smallint       NOT NULL CHECK (confidence BETWEEN 0 AND 100),
  payee                   text           NOT NULL,
  booked_on               date           NOT NULL
);

CREATE INDEX external_line_of_owner ON external_line (owner_id, booked_on);

-- What a customer has: a person's own currency is the one of the oldest account.
CREATE TABLE account (
  id         uuid           PRIMARY KEY,
  owner_id   uuid           NOT NULL,
  currency   text           NOT NULL,
  opened_at  timestamptz(3), -- null when a posting was heard of first
  version    bigint         NOT NULL DEFAULT 0,
  available  numeric(38, 0) NOT NULL DEFAULT 0,
  changed_at timestamptz(3) -- of that version
);

CREATE INDEX account_of_owner ON account (owner_id, opened_at, id);

-- Linked outside sources. Disconnected ones keep their lines, which leave every sum.
CREATE TABLE external_source (
  payment_method_id uuid           PRIMARY KEY,
  owner_id          uuid           NOT NULL,
  is_active         boolean        NOT NULL DEFAULT true,
  linked_at         timestamptz(3), -- when it was last connected or disconnected
  balance           numeric(38, 0),
  currency          text,
  seen_at           timestamptz(3), -- when the balance was told: the later one counts
  balance_as_of     timestamptz(3) -- when it stood there; null where the source does not say: then when it was seen
);

CREATE INDEX external_source_of_owner ON external_source (owner_id);
