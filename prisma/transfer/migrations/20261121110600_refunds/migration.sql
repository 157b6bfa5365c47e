-- Refunds: transfers that give back an earlier one, in part or whole. Asked for by whoever received it, or by staff.

ALTER TABLE transfer ADD COLUMN refund_of uuid;
CREATE INDEX transfer_refund_of ON transfer (refund_of, id) WHERE refund_of IS NOT NULL;

-- Claims the key, takes the money back and writes both transfers, in one commit. Outcomes as of create_transfers: DONE, REFUSED (the
-- verdict is stored with the key), REPLAYED, KEY_REUSED. Verdicts: those of ledger.reverse_entry, and NOT_REFUNDABLE: the transfer has
-- not been completed, or is one that is not given back like this. Keys first, then the original's row, then the ledger.
CREATE FUNCTION refund_transfer(
  p_mutation text, p_refund_id uuid, p_user_id uuid, p_key text, p_body_hash bytea, p_original_id uuid, p_amount numeric,
  p_description text, p_shortfall text, p_entry_id uuid, p_posting_id uuid[], p_note text
) RETURNS TABLE (outcome text, verdict text, transfer_id uuid)
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
#variable_conflict use_column
DECLARE
  claim idempotency_key;
  original transfer;
  reversed record;
  at_text text;
  changed_at timestamptz;
BEGIN
  INSERT INTO idempotency_key (user_id, mutation, key, body_hash, transfer_id)
    VALUES (p_user_id, p_mutation, p_key, p_body_hash, p_refund_id) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    SELECT * INTO claim FROM idempotency_key WHERE user_id = p_user_id AND mutation = p_mutation AND key = p_key;
    RETURN QUERY SELECT
      CASE WHEN claim.body_hash <> p_body_hash THEN 'KEY_REUSED'
        -- An earlier run of this very call, whose answer was lost on the way.
        WHEN claim.transfer_id = p_refund_id AND claim.verdict IS NULL THEN 'DONE'
        WHEN claim.transfer_id = p_refund_id THEN 'REFUSED'
        ELSE 'REPLAYED' END,
      CASE WHEN claim.body_hash = p_body_hash THEN claim.verdict END,
      CASE WHEN claim.body_hash = p_body_hash AND claim.verdict IS NULL THEN claim.transfer_id END;
    RETURN;
  END IF;

  SELECT * INTO original FROM transfer WHERE id = p_original_id FOR NO KEY UPDATE;
  IF original.type IS DISTINCT FROM 'INTERNAL' OR original.status NOT IN ('COMPLETED', 'REVERSED') THEN
    SELECT 'NOT_REFUNDABLE' AS verdict INTO reversed;
  ELSE
    SELECT r.* INTO reversed FROM ledger.entry e, ledger.reverse_entry(
        p_entry_id, p_posting_id, e.id, p_amount, p_refund_id, p_description, p_shortfall) r
      WHERE e.transfer_id = p_original_id AND e.kind IN ('TRANSFER', 'REVERSAL');
  END IF;
  IF reversed.verdict <> 'POSTED' THEN
    UPDATE idempotency_key SET verdict = reversed.verdict WHERE user_id = p_user_id AND mutation = p_mutation AND key = p_key;
    RETURN QUERY SELECT 'REFUSED', reversed.verdict::text, NULL::uuid;
    RETURN;
  END IF;

  at_text := to_char(reversed.posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
  INSERT INTO transfer (id, user_id, type, status, amount, currency, destination_amount, destination_currency,
      source_account_id, source_owner_id, source_label, destination_account_id, destination_owner_id, destination_label,
      description, refund_of, timeline, created_at, updated_at)
    VALUES (p_refund_id, p_user_id, 'INTERNAL', 'COMPLETED', reversed.amount, original.currency, reversed.amount, original.currency,
      original.destination_account_id, original.destination_owner_id, original.destination_label,
      original.source_account_id, original.source_owner_id, original.source_label,
      p_description, p_original_id,
      jsonb_build_array(jsonb_build_object('status', 'INITIATED', 'at', at_text), jsonb_build_object('status', 'COMPLETED', 'at', at_text)),
      reversed.posted_at, reversed.posted_at);
  changed_at := greatest(original.updated_at, reversed.posted_at);
  UPDATE transfer SET status = CASE WHEN reversed.remaining = 0 THEN 'REVERSED' ELSE status END, updated_at = changed_at,
      timeline = timeline || jsonb_strip_nulls(jsonb_build_object(
        'status', CASE WHEN reversed.remaining = 0 THEN 'REVERSED' ELSE status END, 'step', 'REFUNDED', 'note', p_note,
        'at', to_char(changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
    WHERE id = p_original_id;

  PERFORM platform.append_events(ARRAY['TransferCompleted', 'TransferReversed'], ARRAY[p_refund_id::text, p_original_id::text], ARRAY[
    jsonb_build_object('transferId', p_refund_id, 'type', 'INTERNAL', 'senderId', original.destination_owner_id,
      'recipientId', original.source_owner_id, 'sourceAccountId', original.destination_account_id,
      'destinationAccountId', original.source_account_id, 'amountMinor', reversed.amount::text, 'currency', original.currency,
      'destinationAmountMinor', reversed.amount::text, 'destinationCurrency', original.currency, 'at', at_text),
    jsonb_build_object('transferId', p_original_id, 'userId', original.user_id,
      'status', CASE WHEN reversed.remaining = 0 THEN 'REVERSED' ELSE 'COMPLETED' END, 'at', at_text)]);
  RETURN QUERY SELECT 'DONE', NULL::text, p_refund_id;
END $$;

GRANT EXECUTE ON FUNCTION refund_transfer TO dwaybank_transfer;
