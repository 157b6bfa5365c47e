-- What the bank books by itself because a provider says so: what the provider took for itself (CHARGE), against PROVIDER_COST, and what the bank
-- itself has put into its account there or taken out (OWN_FUNDS). No customer's money is touched by any of it.

CREATE TABLE settlement_booking (
  entry_id uuid PRIMARY KEY,
  provider text NOT NULL,
  currency text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('CHARGE', 'OWN_FUNDS')),
  subject text COLLATE "C" NOT NULL, -- our key, or "line " and the provider's name for the line
  transfer_id uuid REFERENCES transfer, -- what the charge was for, where it is known
  amount numeric(38, 0) NOT NULL CHECK (amount <> 0), -- as on the statement: minus has left our account there
  said_by text NOT NULL CHECK (said_by IN ('ANSWER', 'REPORT')), -- when it was paid; or later, by a statement
  exceptional boolean NOT NULL DEFAULT false, -- so far from what was to be expected that a person is told
  at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT own_funds_are_nobodys CHECK (kind = 'CHARGE' OR transfer_id IS NULL)
);
CREATE INDEX settlement_booking_of_subject ON settlement_booking (provider, currency, subject);
CREATE INDEX settlement_booking_of_transfer ON settlement_booking (transfer_id) WHERE transfer_id IS NOT NULL;
CREATE INDEX settlement_booking_exceptional ON settlement_booking (provider, currency) WHERE exceptional;

CREATE FUNCTION keep_booking() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'what was booked stays' USING ERRCODE = 'DW020';
END $$;
CREATE TRIGGER settlement_booking_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_booking
  FOR EACH STATEMENT EXECUTE FUNCTION keep_booking();

-- Brings what is booked with a provider under some subjects to what its statements say of them in total: what was not booked yet, or is otherwise
-- than was assumed when it was paid, is posted as the difference, once. p_total are signed as on the statement. A transfer that is still under
-- way is left for later. A charge is exceptional that exceeds what was assumed by more than p_assumed_percent of it; where nothing was, more than
-- p_amount_percent of the transfer; and any without a transfer. Two posting ids for each. Transfers are locked in the order of their ids: between this and complete_payout
-- each charge is booked by one of them. Returns how many entries it made.
CREATE FUNCTION book_settlement(
  p_provider text, p_currency text, p_kind text[], p_subject text[], p_transfer_id uuid[], p_total numeric[],
  p_assumed_percent numeric, p_amount_percent numeric, p_entry_id uuid[], p_posting_id uuid[]
) RETURNS int
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  told record;
  known numeric; -- what is booked of it; null: nothing
  entries uuid[] := '{}';
  transfers uuid[] := '{}';
  postings uuid[] := '{}';
  accounts uuid[] := '{}';
  amounts numeric[] := '{}';
  lines text[] := '{}';
  settlement CONSTANT uuid := ledger.system_account('SETTLEMENT', p_currency, p_provider);
BEGIN
  PERFORM FROM transfer WHERE id = ANY (p_transfer_id) ORDER BY id FOR NO KEY UPDATE;
  FOR told IN
    SELECT u.*, t.amount AS paid
    FROM unnest(p_kind, p_subject, p_transfer_id, p_total, p_entry_id) WITH ORDINALITY AS u (kind, subject, transfer_id, total, entry_id, place)
    LEFT JOIN transfer t ON t.id = u.transfer_id
    WHERE t.id IS NULL OR has_ended(t.status)
  LOOP
    SELECT sum(b.amount) INTO known FROM settlement_booking b
      WHERE b.provider = p_provider AND b.currency = p_currency AND b.subject = told.subject;
    CONTINUE WHEN told.total = coalesce(known, 0);
    INSERT INTO settlement_booking (entry_id, provider, currency, kind, subject, transfer_id, amount, said_by, exceptional)
      VALUES (told.entry_id, p_provider, p_currency, told.kind, told.subject, told.transfer_id, told.total - coalesce(known, 0), 'REPORT',
        told.kind = 'CHARGE' AND CASE
          WHEN told.paid IS NULL THEN true
          WHEN known IS NOT NULL THEN -told.total * 100 > -known * (100 + p_assumed_percent)
          ELSE -told.total * 100 > told.paid * p_amount_percent END);
    entries := entries || told.entry_id;
    transfers := array_append(transfers, told.transfer_id);
    postings := postings || p_posting_id[2 * told.place - 1:2 * told.place];
    accounts := accounts || ARRAY[settlement, ledger.system_account(
      CASE told.kind WHEN 'CHARGE' THEN 'PROVIDER_COST' ELSE 'OWN_FUNDS' END, p_currency, CASE told.kind WHEN 'CHARGE' THEN p_provider ELSE '' END)];
    amounts := amounts || ARRAY[coalesce(known, 0) - told.total, told.total - coalesce(known, 0)];
    lines := lines || array_fill(CASE WHEN told.kind = 'CHARGE' THEN 'FEE' WHEN told.total < 0 THEN 'WITHDRAWAL' ELSE 'DEPOSIT' END, ARRAY[2]);
  END LOOP;
  IF entries = '{}' THEN
    RETURN 0;
  END IF;
  IF EXISTS (
    SELECT FROM ledger.post_batch(entries, array_fill('SETTLEMENT_BOOKING'::text, ARRAY[cardinality(entries)]), transfers,
      array_fill(NULL::text, ARRAY[cardinality(entries)]), array_fill(true, ARRAY[cardinality(entries)]),
      (SELECT array_agg(e ORDER BY e) FROM generate_series(1, cardinality(entries)) AS e, generate_series(1, 2)), postings, accounts,
      array_fill(p_currency, ARRAY[cardinality(accounts)]), amounts, lines, array_fill(NULL::text, ARRAY[cardinality(accounts)])) b
    WHERE b.verdict <> 'POSTED')
  THEN
    RAISE EXCEPTION 'what % says cannot be booked', p_provider USING ERRCODE = 'DW020';
  END IF;
  RETURN cardinality(entries);
END $$;

-- How far each provider's statements were read.
CREATE TABLE settlement_fetch (
  provider text PRIMARY KEY,
  through_day date, -- the last day that was read whole; null: none yet
  begun_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(), -- when the bank began to ask
  tried_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  fetched_at timestamptz(3), -- when it last had everything that there was
  fault text -- why the last try came to nothing; null: it did not
);

GRANT EXECUTE ON FUNCTION book_settlement TO dwaybank_transfer;
