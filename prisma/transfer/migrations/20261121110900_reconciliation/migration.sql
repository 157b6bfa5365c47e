-- Reconciliation: what providers say about our settlement accounts with them, against what the books say. Nothing here moves money; what
-- does not fit is put before staff, and stays on record.

CREATE TABLE settlement_report (
  id uuid PRIMARY KEY,
  provider text NOT NULL,
  currency text NOT NULL,
  from_day date NOT NULL,
  to_day date NOT NULL CHECK (to_day >= from_day),
  opening numeric(38, 0),
  closing numeric(38, 0),
  content_hash bytea NOT NULL, -- of the file that it came in
  imported_by uuid, -- null: fetched by the bank itself
  imported_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (provider, currency, content_hash)
);
CREATE INDEX settlement_report_newest ON settlement_report (provider, currency, to_day);

-- One match: lines of theirs that are movements of ours, with equal sums.
CREATE TABLE settlement_match (
  id uuid PRIMARY KEY,
  provider text NOT NULL,
  currency text NOT NULL,
  rule text NOT NULL CHECK (rule IN ('REFERENCE', 'AMOUNT', 'DAY', 'OPENING')),
  amount numeric(38, 0) NOT NULL,
  at timestamptz(3) NOT NULL DEFAULT clock_timestamp()
);

-- line_id is the provider's own name for the line: overlapping reports tell a line twice, and it is one.
CREATE TABLE settlement_line (
  provider text NOT NULL,
  currency text NOT NULL,
  line_id text COLLATE "C" NOT NULL,
  report_id uuid NOT NULL REFERENCES settlement_report,
  booked_on date NOT NULL,
  kind text NOT NULL DEFAULT 'PAYMENT' CHECK (kind IN ('PAYMENT', 'CHARGE', 'OWN_FUNDS')),
  amount numeric(38, 0) NOT NULL, -- signed: plus is ours with the provider
  reference text,
  description text NOT NULL,
  match_id uuid REFERENCES settlement_match,
  PRIMARY KEY (provider, currency, line_id)
);
CREATE INDEX settlement_line_unmatched ON settlement_line (provider, currency) WHERE match_id IS NULL;

-- A movement of ours, by its posting on the settlement account; it is in one match at most.
CREATE TABLE settlement_movement (
  posting_id uuid PRIMARY KEY,
  match_id uuid NOT NULL REFERENCES settlement_match
);

-- What does not fit. The same thing is one exception however often it is found; it is closed by a later match, or by staff.
CREATE TABLE reconciliation_exception (
  id uuid PRIMARY KEY,
  provider text NOT NULL,
  currency text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('MISSING_IN_BOOKS', 'MISSING_AT_PROVIDER', 'AMOUNT_MISMATCH', 'CHARGE_DIFFERS')),
  subject text COLLATE "C" NOT NULL, -- the line's name, the posting's id, or our key
  transfer_id uuid,
  amount numeric(38, 0) NOT NULL, -- theirs less ours
  booked_on date NOT NULL,
  detail text NOT NULL,
  opened_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  closed_at timestamptz(3),
  closed_by uuid, -- null: by a later match
  resolution text,
  CHECK ((closed_at IS NULL) = (resolution IS NULL))
);
CREATE UNIQUE INDEX reconciliation_exception_open ON reconciliation_exception (provider, currency, kind, subject) WHERE closed_at IS NULL;
CREATE INDEX reconciliation_exception_by_age ON reconciliation_exception (opened_at, id);

-- The proof of a day: our settlement account at its end against their closing balance. The difference must be what both have booked, but on
-- different days, and what is open on both sides.
CREATE TABLE settlement_proof (
  provider text NOT NULL,
  currency text NOT NULL,
  day date NOT NULL,
  ours numeric(38, 0) NOT NULL,
  theirs numeric(38, 0) NOT NULL,
  timing numeric(38, 0) NOT NULL, -- of what is matched: their lines up to the day, less our movements up to the day
  open_lines numeric(38, 0) NOT NULL, -- sum of their lines up to the day that are no movement of ours
  open_movements numeric(38, 0) NOT NULL, -- and of our movements that are no line of theirs
  report_id uuid NOT NULL REFERENCES settlement_report,
  at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (provider, currency, day)
);
