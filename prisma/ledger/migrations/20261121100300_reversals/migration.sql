-- Reversals: an entry that takes back an earlier one, in part or whole. The earlier one stays as it is; the two are linked here, which
-- can be read both ways.

-- amount is what was taken back, in the currency of the original. What the recipient no longer had of it, the bank laid out: receivable,
-- which debtor_id owes.
CREATE TABLE reversal (
  entry_id uuid PRIMARY KEY,
  reverses uuid NOT NULL,
  amount numeric(38, 0) NOT NULL CHECK (amount > 0),
  receivable numeric(38, 0) NOT NULL DEFAULT 0 CHECK (receivable BETWEEN 0 AND amount),
  debtor_id uuid,
  at timestamptz(3) NOT NULL,
  CONSTRAINT receivable_is_somebodys CHECK ((receivable > 0) = (debtor_id IS NOT NULL)),
  CONSTRAINT nothing_reverses_itself CHECK (entry_id <> reverses)
);
CREATE INDEX reversal_of ON reversal (reverses);
CREATE INDEX entry_of_transfer ON entry (transfer_id) WHERE transfer_id IS NOT NULL;

CREATE TRIGGER reversal_is_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON reversal
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT ON reversal TO dwaybank_ledger, dwaybank_wallet, dwaybank_transfer;

-- Takes back p_amount (null: all that remains) of a movement between two customers' accounts. Fees stay where they are, and nothing counts
-- against spending limits. What the recipient no longer has: with p_shortfall REFUSE the whole reversal is refused
-- (INSUFFICIENT_FUNDS), with RECEIVABLE the bank lays it out and the recipient owes it; no balance goes below what was agreed.
--
-- Verdicts: POSTED; REFUND_EXCEEDS_REMAINING; REVERSAL_OF_REVERSAL; NOT_REVERSIBLE (not a movement between two customers' accounts in one currency);
-- those of post_batch. p_posting_id are three ids for what is posted. The original's row is locked first, so that two reversals of it never both find the same remainder; then, as
-- everywhere, the accounts in the order of their ids.
CREATE FUNCTION reverse_entry(
  p_entry_id uuid, p_posting_id uuid[], p_reverses uuid, p_amount numeric, p_transfer_id uuid, p_description text, p_shortfall text,
  OUT verdict text, OUT posted_at timestamptz, OUT amount numeric, OUT receivable numeric, OUT remaining numeric
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  original record;
  taken posting; -- the leg that left
  arrived posting; -- the leg that came, and is taken back
  recipient account;
  legs int;
  own numeric; -- what the recipient still has of it
  posting_ids uuid[];
  accounts uuid[];
  amounts numeric[];
  counterparties text[];
BEGIN
  IF p_shortfall NOT IN ('REFUSE', 'RECEIVABLE') OR p_amount <= 0 OR p_amount <> trunc(p_amount) THEN
    RAISE EXCEPTION 'a reversal is of a whole positive amount, with shortfall REFUSE or RECEIVABLE' USING ERRCODE = 'DW003';
  END IF;
  receivable := 0;
  SELECT * INTO original FROM entry e WHERE e.id = p_reverses FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no entry % to reverse', p_reverses USING ERRCODE = 'DW003';
  END IF;
  IF EXISTS (SELECT FROM reversal r WHERE r.entry_id = p_reverses) THEN
    verdict := 'REVERSAL_OF_REVERSAL';
    RETURN;
  END IF;
  SELECT count(*) INTO legs FROM posting p WHERE p.entry_id = p_reverses AND p.line_type <> 'FEE';
  SELECT p.* INTO taken FROM posting p WHERE p.entry_id = p_reverses AND p.line_type <> 'FEE' AND p.amount < 0;
  SELECT p.* INTO arrived FROM posting p WHERE p.entry_id = p_reverses AND p.line_type <> 'FEE' AND p.amount > 0;
  IF legs <> 2 OR taken.id IS NULL OR arrived.amount IS DISTINCT FROM -taken.amount OR (
    SELECT count(*) FROM account a WHERE a.id IN (taken.account_id, arrived.account_id) AND a.owner_id IS NOT NULL) <> 2
  THEN
    verdict := 'NOT_REVERSIBLE';
    RETURN;
  END IF;
  SELECT arrived.amount - coalesce(sum(r.amount), 0) INTO remaining FROM reversal r WHERE r.reverses = p_reverses;
  amount := coalesce(p_amount, remaining);
  IF amount > remaining OR remaining = 0 THEN
    verdict := 'REFUND_EXCEEDS_REMAINING';
    RETURN;
  END IF;

  PERFORM FROM account a WHERE a.id IN (taken.account_id, arrived.account_id) ORDER BY a.id FOR NO KEY UPDATE;
  SELECT * INTO recipient FROM account a WHERE a.id = arrived.account_id;
  own := amount;
  IF p_shortfall = 'RECEIVABLE' THEN
    own := least(amount, recipient.posted - recipient.held + recipient.overdraft);
    receivable := amount - own;
  END IF;
  SELECT array_agg(l.id), array_agg(l.account_id), array_agg(l.amount), array_agg(l.counterparty)
    INTO posting_ids, accounts, amounts, counterparties
    FROM (VALUES
      (p_posting_id[1], arrived.account_id, -own, arrived.counterparty, 1),
      (p_posting_id[2], CASE WHEN receivable > 0 THEN system_account('RECEIVABLE', arrived.currency) END, -receivable, NULL, 2),
      (p_posting_id[3], taken.account_id, amount, taken.counterparty, 3)
    ) AS l (id, account_id, amount, counterparty, place)
    WHERE l.amount <> 0;
  SELECT b.verdict, b.posted_at INTO verdict, posted_at FROM post_batch(
    ARRAY[p_entry_id], ARRAY['REVERSAL'], ARRAY[p_transfer_id], ARRAY[p_description], ARRAY[true],
    array_fill(1, ARRAY[array_length(accounts, 1)]), posting_ids, accounts,
    array_fill(arrived.currency, ARRAY[array_length(accounts, 1)]), amounts,
    array_fill('REVERSAL'::text, ARRAY[array_length(accounts, 1)]), counterparties) b;
  IF verdict <> 'POSTED' THEN
    RETURN;
  END IF;
  remaining := remaining - amount;
  INSERT INTO reversal (entry_id, reverses, amount, receivable, debtor_id, at)
    VALUES (p_entry_id, p_reverses, reverse_entry.amount, reverse_entry.receivable,
      CASE WHEN reverse_entry.receivable > 0 THEN recipient.owner_id END, reverse_entry.posted_at);
  IF receivable > 0 THEN
    -- What is owed is collected later (20261121100400_receivables).
    INSERT INTO receivable (id, debtor_id, currency, amount, laid_out_at)
      VALUES (p_entry_id, recipient.owner_id, arrived.currency, reverse_entry.receivable, reverse_entry.posted_at);
  END IF;
END $$;

GRANT EXECUTE ON FUNCTION reverse_entry TO dwaybank_transfer, dwaybank_ledger;
