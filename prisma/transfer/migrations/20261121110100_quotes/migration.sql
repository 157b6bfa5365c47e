-- What a transfer costs, line by line: [{"tier", "rule", "basis", "amountMinor"}], written by subgraphs/transfer/quotes/fees.ts. Their sum is `fees`.
ALTER TABLE transfer ADD COLUMN fee_lines jsonb NOT NULL DEFAULT '[]';

-- The terms that a customer was quoted. They hold until expires_at, by this database's clock, and for one transfer.
CREATE TABLE quote (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL,
  -- What it is for, so that a transfer of something else is told what differs: salted hashes of source, destination and preference
  -- (an email or an IBAN is nobody's to read here), and the amount.
  source_hash bytea NOT NULL,
  destination_hash bytea NOT NULL,
  type text NOT NULL CHECK (type IN ('DEPOSIT', 'WITHDRAWAL', 'INTERNAL', 'EXTERNAL', 'EXCHANGE')),
  amount numeric(38, 0) NOT NULL CHECK (amount > 0),
  currency text NOT NULL,
  preference text NOT NULL CHECK (preference IN ('BALANCED', 'CHEAP', 'FAST')),
  fees numeric(38, 0) NOT NULL CHECK (fees >= 0),
  fee_lines jsonb NOT NULL,
  destination_amount numeric(38, 0) NOT NULL CHECK (destination_amount > 0),
  destination_currency text NOT NULL,
  exchange jsonb, -- of an EXCHANGE: {"rate", "rateDate", "midRate", "spreadBasisPoints", "arrivesMinor", "worthMinor", "earnedMinor", "residueMinor"}
  provider text, -- who was recommended to carry it
  options jsonb NOT NULL, -- every provider that could: [{"provider", "feesMinor", "usualSeconds", "health", "cost", "speed", "score"}], best first
  created_at timestamptz(3) NOT NULL,
  expires_at timestamptz(3) NOT NULL,
  used_by uuid UNIQUE, -- the transfer that was made at it
  CONSTRAINT exchange_has_its_terms CHECK ((type = 'EXCHANGE') = (exchange IS NOT NULL))
);

-- Those that nobody used are forgotten, oldest first.
CREATE INDEX quote_unused ON quote (expires_at) WHERE used_by IS NULL;

-- Whether a quote may be used at a moment, by a customer, for a transfer: null, or why not. Pure. It holds for the whole of its last millisecond,
-- which is as finely as its end is told.
CREATE FUNCTION quote_verdict(q quote, p_user_id uuid, p_transfer_id uuid, p_at timestamptz) RETURNS text
  LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
      WHEN q.id IS NULL OR q.user_id <> p_user_id THEN 'UNKNOWN_QUOTE'
      WHEN q.used_by = p_transfer_id THEN NULL
      WHEN q.used_by IS NOT NULL THEN 'QUOTE_ALREADY_USED'
      WHEN date_trunc('milliseconds', p_at, 'UTC') > q.expires_at THEN 'QUOTE_EXPIRED'
    END
  $$;

-- Uses a quote for a transfer: null when it is used for it now (or was before), else why not. The row stays locked until the transaction ends, and
-- the clock is read under that lock: who had to wait may come too late. Called after the idempotency key is claimed and before the ledger;
-- where the ledger then says no and that is committed, give_back_quote belongs into the same transaction.
CREATE FUNCTION use_quote(p_quote_id uuid, p_user_id uuid, p_transfer_id uuid) RETURNS text
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  found_quote quote;
  verdict text;
BEGIN
  SELECT * INTO found_quote FROM quote WHERE id = p_quote_id FOR NO KEY UPDATE;
  verdict := quote_verdict(found_quote, p_user_id, p_transfer_id, clock_timestamp());
  IF verdict IS NULL THEN
    UPDATE quote SET used_by = p_transfer_id WHERE id = p_quote_id;
  END IF;
  RETURN verdict;
END $$;

-- Takes back what use_quote did earlier in this transaction: a transfer that was refused has used up no quote.
CREATE FUNCTION give_back_quote(p_quote_id uuid, p_transfer_id uuid) RETURNS void
  LANGUAGE sql SET search_path = transfer, pg_temp AS $$
    UPDATE quote SET used_by = NULL WHERE id = p_quote_id AND used_by = p_transfer_id
  $$;

GRANT EXECUTE ON FUNCTION quote_verdict, use_quote, give_back_quote TO dwaybank_transfer;
