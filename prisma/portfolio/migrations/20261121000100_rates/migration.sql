-- Days of exchange rates that were believed, for ever: a history is valued with the rates of its days.
CREATE TABLE rate_day (
  date date PRIMARY KEY,
  source text NOT NULL,
  loaded_at timestamptz(3) NOT NULL DEFAULT clock_timestamp()
);

-- What each of them says. A rate that is doubtful is kept beside its reason: it values nothing, and the next day is compared
-- with it.
CREATE TABLE rate (
  currency text NOT NULL,
  date date NOT NULL REFERENCES rate_day (date),
  per_usd text NOT NULL CHECK (per_usd ~ '^(0|[1-9][0-9]*)(\.[0-9]+)?$'), -- as text, so that nothing is rounded on the way
  doubtful text, -- why it is not used; null for almost all
  PRIMARY KEY (currency, date)
);

-- What came of the newest look at each source. `changes` counts days recorded and faults that came or went.
CREATE TABLE rate_check (
  source text PRIMARY KEY,
  checked_at timestamptz(3) NOT NULL,
  fault text, -- why its day was refused; null when it was believed or is known
  changes bigint NOT NULL DEFAULT 0
);
