-- Receivables: what customers owe the bank, because it gave back money that they had spent already (ledger.reverse_entry with RECEIVABLE), and
-- how it is collected. The debt is a customer's and not an account's: it is collected from any account of theirs in its currency, as soon
-- as there is money on one.

-- id is the entry that laid it out. Written by reverse_entry, and by collect_receivable under the row's lock.
CREATE TABLE receivable (
  id uuid PRIMARY KEY,
  debtor_id uuid NOT NULL,
  currency text NOT NULL,
  amount numeric(38, 0) NOT NULL CHECK (amount > 0),
  collected numeric(38, 0) NOT NULL DEFAULT 0 CHECK (collected BETWEEN 0 AND amount),
  laid_out_at timestamptz(3) NOT NULL,
  settled_at timestamptz(3),
  CONSTRAINT settled_when_nothing_is_owed CHECK ((settled_at IS NOT NULL) = (collected = amount))
) WITH (fillfactor = 70);
CREATE INDEX receivable_outstanding ON receivable (id) WHERE settled_at IS NULL;
CREATE INDEX receivable_of_debtor ON receivable (debtor_id, id);

-- What was collected, entry by entry.
CREATE TABLE receivable_collection (
  entry_id uuid PRIMARY KEY,
  receivable_id uuid NOT NULL,
  account_id uuid NOT NULL,
  amount numeric(38, 0) NOT NULL CHECK (amount > 0),
  at timestamptz(3) NOT NULL
);
CREATE INDEX collection_of_receivable ON receivable_collection (receivable_id, entry_id);

CREATE TRIGGER receivable_keeps_identity BEFORE UPDATE OF id, debtor_id, currency, amount, laid_out_at ON receivable
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER receivable_that_is_settled_stays BEFORE UPDATE ON receivable
  FOR EACH ROW WHEN (old.settled_at IS NOT NULL) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER receivable_is_never_removed BEFORE DELETE OR TRUNCATE ON receivable
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER receivable_collection_is_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON receivable_collection
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

GRANT SELECT ON receivable, receivable_collection TO dwaybank_ledger, dwaybank_wallet, dwaybank_transfer;

-- Takes what an account of the debtor has of its own, up to what is still owed: posted less held (payments under way, pockets), and nothing
-- of an overdraft, which would only turn one debt into another. A part is taken where there is no more.
--   COLLECTED | SETTLED (nothing is owed any more) | NOTHING_AVAILABLE | ACCOUNT_FROZEN | ACCOUNT_CLOSED
-- It is an entry like any other, of the transfer that gave the money back. Called again with the same entry it says what it did then. The
-- account's lock comes first, as everywhere; the receivable is read under both, so that two collections of it never take the same
-- debt twice, and a payment out of the account and a collection never the same money.
CREATE FUNCTION collect_receivable(p_receivable_id uuid, p_account_id uuid, p_entry_id uuid, p_posting_id uuid[])
  RETURNS TABLE (verdict text, amount numeric)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
#variable_conflict use_column
DECLARE
  a account;
  r receivable;
  taken numeric;
  posted record;
BEGIN
  SELECT * INTO a FROM account WHERE id = p_account_id FOR NO KEY UPDATE;
  SELECT * INTO r FROM receivable WHERE id = p_receivable_id FOR NO KEY UPDATE;
  IF (r.debtor_id, r.currency) IS DISTINCT FROM (a.owner_id, a.currency) OR r.id IS NULL THEN
    RAISE EXCEPTION 'receivable % is not owed by the owner of account % in its currency', p_receivable_id, p_account_id
      USING ERRCODE = 'DW003';
  END IF;
  SELECT c.amount INTO taken FROM receivable_collection c WHERE c.entry_id = p_entry_id;
  IF FOUND THEN
    RETURN QUERY SELECT 'COLLECTED', taken;
    RETURN;
  END IF;
  taken := least(r.amount - r.collected, a.posted - a.held);
  verdict := CASE
    WHEN r.settled_at IS NOT NULL THEN 'SETTLED'
    WHEN a.status <> 'ACTIVE' THEN 'ACCOUNT_' || a.status
    WHEN taken <= 0 THEN 'NOTHING_AVAILABLE'
    ELSE 'COLLECTED' END;
  IF verdict <> 'COLLECTED' THEN
    RETURN QUERY SELECT verdict, 0::numeric;
    RETURN;
  END IF;
  SELECT b.* INTO posted FROM post_batch(
    ARRAY[p_entry_id], ARRAY['COLLECTION'], ARRAY[(SELECT e.transfer_id FROM entry e WHERE e.id = r.id)],
    ARRAY['Owed since money was taken back'], ARRAY[true], ARRAY[1, 1], p_posting_id,
    ARRAY[a.id, system_account('RECEIVABLE', r.currency)], ARRAY[r.currency, r.currency], ARRAY[-taken, taken],
    ARRAY['REVERSAL', 'REVERSAL'], NULL::text[]) b;
  IF posted.verdict <> 'POSTED' THEN
    RAISE EXCEPTION 'collecting receivable % from account % was answered %', r.id, a.id, posted.verdict;
  END IF;
  INSERT INTO receivable_collection (entry_id, receivable_id, account_id, amount, at)
    VALUES (p_entry_id, r.id, a.id, taken, posted.posted_at);
  UPDATE receivable x SET collected = x.collected + taken,
      settled_at = CASE WHEN x.collected + taken = x.amount THEN posted.posted_at END
    WHERE x.id = r.id;
  RETURN QUERY SELECT 'COLLECTED', taken;
END $$;

GRANT EXECUTE ON FUNCTION collect_receivable TO dwaybank_transfer, dwaybank_ledger;
