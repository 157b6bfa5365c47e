-- Deposits: money that a provider takes from outside and that is credited here when the provider says so.
--
--   INITIATED -> SENT_TO_PROVIDER -> COMPLETED | FAILED
--                                 -> PROVIDER_CONFIRMING -> COMPLETED | FAILED     while the provider's answer is unknown
--
-- start_deposit makes the first state, complete_deposit the one that moves money, step_deposit all others. Each change is one
-- transaction under the lock of the transfer's row, so that whoever comes second, after a crash or beside another process, finds
-- what was done; and none leaves COMPLETED or FAILED, or goes back.

-- Transfer's own view of the linked payment methods, kept from PaymentMethodConnected and PaymentMethodDisconnected.
CREATE TABLE payment_method (
  id uuid PRIMARY KEY,
  owner_id uuid NOT NULL,
  provider text NOT NULL,
  reference text, -- what the provider charges it by; null where nothing can be charged (a statement)
  label text NOT NULL,
  active boolean NOT NULL,
  changed_at timestamptz(3) NOT NULL -- of the fact behind the row: an older one that comes late changes nothing
);

-- What a DEPOSIT charges. Kept with the deposit, because a provider refuses a key that comes with other parameters than before, and a
-- card that is linked anew may have another reference.
ALTER TABLE transfer ADD COLUMN source_reference text,
  ADD CONSTRAINT deposit_has_its_reference CHECK ((type = 'DEPOSIT') = (source_reference IS NOT NULL));

-- Claims the key and stores a transfer that is INITIATED, with its assessment and DepositStarted. Outcomes as of create_transfers:
-- DONE, REPLAYED (transfer_id, or the verdict, of then), KEY_REUSED. Nothing is posted yet. Runs with the rights of its caller.
CREATE FUNCTION start_deposit(
  p_mutation text, p_transfer_id uuid, p_user_id uuid, p_key text, p_body_hash bytea, p_amount numeric, p_currency text,
  p_payment_method_id uuid, p_source_reference text, p_source_label text, p_destination_account_id uuid, p_destination_label text, p_description text,
  p_initiated_at timestamptz, p_assessment jsonb
) RETURNS TABLE (outcome text, verdict text, transfer_id uuid)
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
#variable_conflict use_column
DECLARE
  claim idempotency_key;
  started CONSTANT timestamptz := least(p_initiated_at, date_trunc('milliseconds', clock_timestamp()));
  started_text CONSTANT text := to_char(started AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
BEGIN
  -- A key that another transaction is just deciding is waited for here.
  INSERT INTO idempotency_key (user_id, mutation, key, body_hash, transfer_id)
    VALUES (p_user_id, p_mutation, p_key, p_body_hash, p_transfer_id) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    SELECT * INTO claim FROM idempotency_key WHERE user_id = p_user_id AND mutation = p_mutation AND key = p_key;
    RETURN QUERY SELECT
      CASE WHEN claim.body_hash <> p_body_hash THEN 'KEY_REUSED'
        -- An earlier run of this very call, whose answer was lost on the way.
        WHEN claim.transfer_id = p_transfer_id THEN 'DONE'
        ELSE 'REPLAYED' END,
      CASE WHEN claim.body_hash = p_body_hash THEN claim.verdict END,
      CASE WHEN claim.body_hash = p_body_hash AND claim.verdict IS NULL THEN claim.transfer_id END;
    RETURN;
  END IF;

  INSERT INTO transfer (id, user_id, type, status, amount, currency, destination_amount, destination_currency,
      source_payment_method_id, source_reference, source_owner_id, source_label, destination_account_id, destination_owner_id, destination_label,
      description, timeline, created_at, updated_at)
    VALUES (p_transfer_id, p_user_id, 'DEPOSIT', 'INITIATED', p_amount, p_currency, p_amount, p_currency,
      p_payment_method_id, p_source_reference, p_user_id, p_source_label, p_destination_account_id, p_user_id, p_destination_label,
      p_description, jsonb_build_array(jsonb_build_object('status', 'INITIATED', 'at', started_text)), started, started);
  PERFORM risk.record_assessments(ARRAY[p_transfer_id], ARRAY[p_user_id], ARRAY[p_assessment]);
  PERFORM platform.append_events(ARRAY['DepositStarted'], ARRAY[p_transfer_id::text],
    ARRAY[jsonb_build_object('transferId', p_transfer_id, 'userId', p_user_id, 'at', started_text)]);
  RETURN QUERY SELECT 'DONE', NULL::text, p_transfer_id;
END $$;

-- Adds a step to a deposit, unless it has ended, is further already, or has said the same last (a step without a name says
-- nothing new about a status that it has). p_failure_code comes with FAILED and with nothing else. Returns the status as it is now.
CREATE FUNCTION step_deposit(p_transfer_id uuid, p_status text, p_step text, p_note text, p_failure_code text) RETURNS text
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  steps CONSTANT text[] := ARRAY['INITIATED', 'SENT_TO_PROVIDER', 'PROVIDER_CONFIRMING', 'FAILED'];
  deposit transfer;
  stepped timestamptz;
  stepped_text text;
BEGIN
  IF NOT coalesce(p_status = ANY (steps[2:]), false) OR (p_status = 'FAILED') <> (p_failure_code IS NOT NULL) THEN
    RAISE EXCEPTION 'a deposit has no step % with failure code %', p_status, p_failure_code;
  END IF;
  SELECT * INTO deposit FROM transfer WHERE id = p_transfer_id AND type = 'DEPOSIT' FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no deposit %', p_transfer_id;
  END IF;
  IF deposit.status IN ('COMPLETED', 'FAILED') OR array_position(steps, deposit.status) > array_position(steps, p_status)
    OR (deposit.status = p_status AND (p_step IS NULL OR deposit.timeline -> -1 ->> 'step' = p_step)) THEN
    RETURN deposit.status;
  END IF;
  stepped := greatest(deposit.updated_at, date_trunc('milliseconds', clock_timestamp()));
  stepped_text := to_char(stepped AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
  UPDATE transfer SET status = p_status, failure_code = p_failure_code, updated_at = stepped,
      timeline = timeline || jsonb_strip_nulls(jsonb_build_object('status', p_status, 'at', stepped_text, 'step', p_step, 'note', p_note))
    WHERE id = p_transfer_id;
  PERFORM platform.append_events(
    ARRAY[CASE WHEN p_status = 'FAILED' THEN 'TransferFailed' ELSE 'TransferAdvanced' END], ARRAY[p_transfer_id::text],
    ARRAY[jsonb_build_object('transferId', p_transfer_id, 'userId', deposit.user_id, 'at', stepped_text)
      || CASE WHEN p_status = 'FAILED' THEN jsonb_build_object('failureCode', p_failure_code)
         ELSE jsonb_build_object('status', p_status) END]);
  RETURN p_status;
END $$;

-- Credits a deposit that the provider has charged. verdict null: it is COMPLETED, by this call or an earlier one; else what the
-- ledger said no with, and nothing was changed. A deposit that has FAILED is never credited: that the provider charged it all
-- the same contradicts what it said before, and raises.
CREATE FUNCTION complete_deposit(p_transfer_id uuid, p_entry_id uuid, p_settlement_posting_id uuid, p_account_posting_id uuid)
  RETURNS TABLE (verdict text, completed boolean)
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  deposit transfer;
  posted record;
  completed_at timestamptz;
  completed_text text;
BEGIN
  SELECT * INTO deposit FROM transfer WHERE id = p_transfer_id AND type = 'DEPOSIT' FOR NO KEY UPDATE;
  IF NOT FOUND OR deposit.status = 'FAILED' THEN
    RAISE EXCEPTION 'there is no deposit % to complete (%)', p_transfer_id, deposit.status;
  END IF;
  IF deposit.status = 'COMPLETED' THEN
    RETURN QUERY SELECT NULL::text, false;
    RETURN;
  END IF;
  SELECT * INTO posted FROM ledger.post_batch(
    ARRAY[p_entry_id], ARRAY['TRANSFER'], ARRAY[p_transfer_id], ARRAY[deposit.description], ARRAY[true],
    ARRAY[1, 1], ARRAY[p_settlement_posting_id, p_account_posting_id],
    ARRAY[ledger.system_account('SETTLEMENT', deposit.currency), deposit.destination_account_id],
    ARRAY[deposit.currency, deposit.currency], ARRAY[-deposit.amount, deposit.amount],
    ARRAY['DEPOSIT', 'DEPOSIT'], ARRAY[NULL, deposit.source_label]);
  IF posted.verdict <> 'POSTED' THEN
    RETURN QUERY SELECT posted.verdict::text, false;
    RETURN;
  END IF;
  completed_at := greatest(deposit.updated_at, posted.posted_at);
  completed_text := to_char(completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
  UPDATE transfer SET status = 'COMPLETED', updated_at = completed_at,
      timeline = timeline || jsonb_build_object('status', 'COMPLETED', 'at', completed_text)
    WHERE id = p_transfer_id;
  PERFORM platform.append_events(ARRAY['TransferCompleted'], ARRAY[p_transfer_id::text], ARRAY[jsonb_build_object(
    'transferId', p_transfer_id, 'type', 'DEPOSIT', 'senderId', deposit.user_id, 'recipientId', deposit.destination_owner_id,
    'sourceAccountId', NULL, 'destinationAccountId', deposit.destination_account_id,
    'amountMinor', deposit.amount::text, 'currency', deposit.currency,
    'destinationAmountMinor', deposit.destination_amount::text, 'destinationCurrency', deposit.destination_currency,
    'at', completed_text)]);
  RETURN QUERY SELECT NULL::text, true;
END $$;

GRANT EXECUTE ON FUNCTION start_deposit, step_deposit, complete_deposit TO dwaybank_transfer;
