-- Days of exchange rates as portfolio has recorded them (RatesRecorded): how much of each currency one US dollar buys.
CREATE TABLE rates (
  date    date  PRIMARY KEY,
  per_usd jsonb NOT NULL, -- {"JPY": "157.47729333", …}: decimals as text, so that nothing is rounded on the way
  known   jsonb NOT NULL -- the same, with what this day lacks as the days before had it
);
