-- Takes back what left an account for the outside, whole, because it came back from there: with p_to_suspense not onto the account (a customer's that
-- has been closed, or suspense it was itself) but onto suspense. Linked with the original in `reversal`, as a reversal between customers is. Verdicts: POSTED, and those of
-- post_batch; whatever else is a bug of the caller and raises. p_posting_id are two ids for what is posted. The original's row is locked first, as
-- in reverse_entry, so that nothing is taken back twice.
CREATE FUNCTION reverse_outgoing(
  p_entry_id uuid, p_posting_id uuid[], p_reverses uuid, p_to_suspense boolean, OUT verdict text, OUT posted_at timestamptz
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  original entry;
  taken posting; -- the leg that left the account, or suspense
  arrived posting; -- the leg that went to the outside
BEGIN
  SELECT * INTO original FROM entry e WHERE e.id = p_reverses FOR NO KEY UPDATE;
  IF EXISTS (SELECT FROM reversal r WHERE p_reverses IN (r.reverses, r.entry_id)) THEN
    RAISE EXCEPTION 'entry % was taken back before, or is a reversal', p_reverses USING ERRCODE = 'DW003';
  END IF;
  SELECT p.* INTO taken FROM posting p JOIN account a ON a.id = p.account_id
    WHERE p.entry_id = p_reverses AND p.line_type <> 'FEE' AND p.amount < 0 AND (a.owner_id IS NOT NULL OR a.kind = 'SUSPENSE');
  SELECT p.* INTO arrived FROM posting p JOIN account a ON a.id = p.account_id
    WHERE p.entry_id = p_reverses AND p.line_type <> 'FEE' AND a.owner_id IS NULL AND a.kind = 'SETTLEMENT';
  IF arrived.amount IS DISTINCT FROM -taken.amount OR taken.amount IS NULL THEN
    RAISE EXCEPTION 'entry % did not leave for the outside', p_reverses USING ERRCODE = 'DW003';
  END IF;
  SELECT b.verdict, b.posted_at INTO verdict, posted_at FROM post_batch(
    ARRAY[p_entry_id], ARRAY[CASE WHEN p_to_suspense THEN 'SUSPENSE' ELSE 'REVERSAL' END], ARRAY[original.transfer_id],
    ARRAY[original.description], ARRAY[true], ARRAY[1, 1], p_posting_id,
    ARRAY[arrived.account_id, CASE WHEN p_to_suspense THEN system_account('SUSPENSE', taken.currency) ELSE taken.account_id END],
    ARRAY[taken.currency, taken.currency], ARRAY[taken.amount, -taken.amount], ARRAY['REVERSAL', 'REVERSAL'],
    ARRAY[NULL, taken.counterparty]) b;
  IF verdict = 'POSTED' THEN
    INSERT INTO reversal (entry_id, reverses, amount, at) VALUES (p_entry_id, p_reverses, -taken.amount, reverse_outgoing.posted_at);
  END IF;
END $$;

GRANT EXECUTE ON FUNCTION reverse_outgoing TO dwaybank_transfer, dwaybank_ledger;
