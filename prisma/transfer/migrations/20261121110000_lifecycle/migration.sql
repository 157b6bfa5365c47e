-- How a transfer may go on, kept by the database itself: whatever runs beside this code, in whatever order it comes, no status is
-- reached that the table does not allow, and what has ended stays as it ended.

-- The table LIFECYCLE of subgraphs/transfer/domain.ts; a test holds the two against each other, pair by pair.
CREATE FUNCTION may_follow(p_from text, p_to text) RETURNS boolean
  LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT p_to = ANY (CASE p_from
    WHEN 'INITIATED' THEN ARRAY['VALIDATING', 'SENT_TO_PROVIDER', 'COMPLETED', 'FAILED', 'CANCELLED']
    WHEN 'VALIDATING' THEN ARRAY['BALANCE_RESERVED', 'HELD_FOR_REVIEW', 'FAILED']
    WHEN 'HELD_FOR_REVIEW' THEN ARRAY['BALANCE_RESERVED', 'COMPLETED', 'FAILED', 'EXPIRED', 'CANCELLED', 'COMPENSATING']
    WHEN 'BALANCE_RESERVED' THEN ARRAY['SENT_TO_PROVIDER', 'FAILED', 'EXPIRED', 'CANCELLED', 'COMPENSATING']
    WHEN 'SENT_TO_PROVIDER' THEN ARRAY['PROVIDER_PROCESSING', 'PROVIDER_CONFIRMING', 'BALANCE_RESERVED', 'COMPLETED', 'FAILED', 'COMPENSATING']
    WHEN 'PROVIDER_PROCESSING' THEN ARRAY['SENT_TO_PROVIDER', 'PROVIDER_CONFIRMING', 'BALANCE_RESERVED', 'COMPLETED', 'FAILED', 'COMPENSATING']
    WHEN 'PROVIDER_CONFIRMING' THEN ARRAY['SENT_TO_PROVIDER', 'PROVIDER_PROCESSING', 'BALANCE_RESERVED', 'COMPLETED', 'FAILED', 'COMPENSATING']
    WHEN 'COMPENSATING' THEN ARRAY['COMPENSATED']
    WHEN 'COMPLETED' THEN ARRAY['REVERSED']
    ELSE ARRAY[]::text[]
  END)
$$;

-- Whether nothing more may happen to a transfer (but that COMPLETED may be REVERSED).
CREATE FUNCTION has_ended(p_status text) RETURNS boolean
  LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT p_status IN ('COMPLETED', 'FAILED', 'EXPIRED', 'CANCELLED', 'COMPENSATED', 'REVERSED')
$$;

-- SQLSTATE DW020: a caller that gets here has a bug, so it raises rather than answers.
CREATE FUNCTION keep_lifecycle() RETURNS trigger
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  told CONSTANT text[] := ARRAY['status', 'failure_code', 'fees', 'fee_lines', 'timeline', 'updated_at'];
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'a transfer is never removed' USING ERRCODE = 'DW020';
  END IF;
  IF NEW.status <> OLD.status AND NOT may_follow(OLD.status, NEW.status) THEN
    RAISE EXCEPTION 'transfer %: % cannot follow %', OLD.id, NEW.status, OLD.status USING ERRCODE = 'DW020';
  END IF;
  -- All but what it names: also the columns that later migrations add.
  IF to_jsonb(NEW) - told IS DISTINCT FROM to_jsonb(OLD) - told THEN
    RAISE EXCEPTION 'transfer %: what it moves between whom never changes', OLD.id USING ERRCODE = 'DW020';
  END IF;
  -- What has ended may be told more about (a part of it given back, a charge that came late), and nothing that was told changes.
  IF has_ended(OLD.status) AND (NEW.failure_code IS DISTINCT FROM OLD.failure_code OR NEW.fees <> OLD.fees
    OR (SELECT jsonb_agg(step ORDER BY place) FROM jsonb_array_elements(NEW.timeline) WITH ORDINALITY AS t (step, place)
        WHERE place <= jsonb_array_length(OLD.timeline)) IS DISTINCT FROM OLD.timeline)
  THEN
    RAISE EXCEPTION 'transfer % is %: what was told of it stays', OLD.id, OLD.status USING ERRCODE = 'DW020';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER transfer_keeps_lifecycle BEFORE UPDATE OR DELETE ON transfer FOR EACH ROW EXECUTE FUNCTION keep_lifecycle();

-- One step as it stands on the timeline.
CREATE FUNCTION timeline_step(p_status text, p_at timestamptz, p_step text, p_note text) RETURNS jsonb
  LANGUAGE sql STABLE AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object('status', p_status,
    'at', to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'step', p_step, 'note', p_note))
$$;

-- Writes a step with its event; the caller holds the row's lock and has decided that it may be. p_at is the time of what is behind it, if
-- there is such a thing (a posting); times never fall. Ended without moving money: TransferFailed; COMPLETED and REVERSED have events of
-- their own (p_event and what it says beside id, user and time); else TransferAdvanced. Returns the time of the step.
CREATE FUNCTION write_step(
  p_transfer transfer, p_status text, p_step text, p_note text, p_failure_code text, p_at timestamptz DEFAULT NULL,
  p_event text DEFAULT NULL, p_event_more jsonb DEFAULT '{}'
) RETURNS timestamptz
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  ended_empty CONSTANT boolean := p_status IN ('FAILED', 'EXPIRED', 'CANCELLED', 'COMPENSATED') AND p_status <> p_transfer.status;
  stepped CONSTANT timestamptz := greatest(p_transfer.updated_at, coalesce(p_at, date_trunc('milliseconds', clock_timestamp())));
  failure CONSTANT text := coalesce(p_failure_code, p_transfer.failure_code);
BEGIN
  UPDATE transfer SET status = p_status, failure_code = failure, updated_at = stepped,
      timeline = timeline || timeline_step(p_status, stepped, p_step, p_note)
    WHERE id = p_transfer.id;
  PERFORM platform.append_events(
    ARRAY[coalesce(p_event, CASE WHEN ended_empty THEN 'TransferFailed' ELSE 'TransferAdvanced' END)], ARRAY[p_transfer.id::text],
    ARRAY[jsonb_build_object('transferId', p_transfer.id, 'userId', p_transfer.user_id,
        'at', to_char(stepped AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
      || CASE WHEN p_event IS NOT NULL THEN p_event_more
         WHEN ended_empty THEN jsonb_build_object('failureCode', coalesce(failure, lower(p_status)))
         ELSE jsonb_build_object('status', p_status) END]);
  IF p_transfer.destination_account_id IS NOT NULL AND has_ended(p_status) AND NOT has_ended(p_transfer.status) THEN
    -- It has brought its money to an account of this bank, or never will: the account may be closed again.
    PERFORM ledger.expect_no_more(p_transfer.id);
  END IF;
  RETURN stepped;
END $$;

-- COMPLETED, with the event that tells everybody.
CREATE FUNCTION write_completed(p_transfer transfer, p_posted_at timestamptz) RETURNS timestamptz
  LANGUAGE sql SET search_path = transfer, pg_temp AS $$
  SELECT write_step(p_transfer, 'COMPLETED', NULL, NULL, NULL, p_posted_at, 'TransferCompleted', jsonb_build_object(
    'type', p_transfer.type, 'senderId', p_transfer.user_id, 'recipientId', p_transfer.destination_owner_id,
    'sourceAccountId', p_transfer.source_account_id, 'destinationAccountId', p_transfer.destination_account_id,
    'amountMinor', p_transfer.amount::text, 'currency', p_transfer.currency,
    'destinationAmountMinor', p_transfer.destination_amount::text, 'destinationCurrency', p_transfer.destination_currency))
$$;

-- Takes a step, in one transaction with its event, under the lock of the transfer's row: when the status is one of p_from (null: any) and
-- the table lets p_status follow; or when it is p_status already and p_step is news. Else nothing. Returns the status as it is now,
-- so that whoever comes late learns it. For steps that move no money and hold none.
CREATE FUNCTION step_transfer(
  p_transfer_id uuid, p_from text[], p_status text, p_step text, p_note text, p_failure_code text
) RETURNS text
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  found_transfer transfer;
BEGIN
  IF p_status IN ('COMPLETED', 'REVERSED', 'HELD_FOR_REVIEW', 'BALANCE_RESERVED') THEN
    RAISE EXCEPTION 'money moves or is held with the step %', p_status USING ERRCODE = 'DW020';
  END IF;
  IF (p_status = 'FAILED') AND p_failure_code IS NULL THEN
    RAISE EXCEPTION 'FAILED without a code' USING ERRCODE = 'DW020';
  END IF;
  SELECT * INTO found_transfer FROM transfer WHERE id = p_transfer_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no transfer %', p_transfer_id USING ERRCODE = 'DW020';
  END IF;
  IF NOT coalesce(found_transfer.status = ANY (p_from), true) OR NOT (CASE
      -- A step without a name says nothing new about a status that it has.
      WHEN found_transfer.status = p_status THEN NOT has_ended(p_status) AND p_step IS NOT NULL
        AND p_step IS DISTINCT FROM found_transfer.timeline -> -1 ->> 'step'
      ELSE may_follow(found_transfer.status, p_status) END)
  THEN
    RETURN found_transfer.status;
  END IF;
  IF p_status = 'FAILED' THEN
    -- It came to nothing, and so has used up no quote.
    PERFORM free_quote(p_transfer_id);
  END IF;
  PERFORM write_step(found_transfer, p_status, p_step, p_note, p_failure_code);
  RETURN p_status;
END $$;

-- Code of before runs beside this one for a while: its steps of a deposit are steps like all others now.
CREATE OR REPLACE FUNCTION step_deposit(p_transfer_id uuid, p_status text, p_step text, p_note text, p_failure_code text) RETURNS text
  LANGUAGE sql SET search_path = transfer, pg_temp AS $$
  SELECT step_transfer(p_transfer_id, CASE p_status
      WHEN 'SENT_TO_PROVIDER' THEN ARRAY['INITIATED']
      WHEN 'PROVIDER_CONFIRMING' THEN ARRAY['INITIATED', 'SENT_TO_PROVIDER', 'PROVIDER_CONFIRMING']
      ELSE ARRAY['INITIATED', 'SENT_TO_PROVIDER', 'PROVIDER_CONFIRMING'] END,
    p_status, p_step, p_note, p_failure_code)
$$;

-- Credits a deposit that the provider has charged, against what that provider owes us. verdict null: it has ended, by this call or an
-- earlier one; else what the ledger said no with for now, and nothing was changed. Money that was taken and cannot be given to whom it is
-- for is never left out of the books: it goes to suspense, once, with a dead letter for a person. That is so
-- * for an account that has been closed (by force: one that expects money is not closed): the deposit FAILED with account_closed;
-- * for a deposit that has ended without money (the provider had said no, or the customer has withdrawn it): it stays as it ended, and its timeline says so.
-- suspended_as is the step that says so, HELD_IN_SUSPENSE or CHARGED_AFTER_END, for who has just done that.
DROP FUNCTION complete_deposit(uuid, uuid, uuid, uuid);
CREATE FUNCTION complete_deposit(p_transfer_id uuid, p_entry_id uuid, p_settlement_posting_id uuid, p_account_posting_id uuid)
  RETURNS TABLE (verdict text, completed boolean, suspended_as text)
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  deposit transfer;
  posted record;
BEGIN
  SELECT * INTO deposit FROM transfer WHERE id = p_transfer_id AND type = 'DEPOSIT' FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no deposit % to complete', p_transfer_id;
  END IF;
  IF deposit.status IN ('COMPLETED', 'REVERSED') THEN
    RETURN QUERY SELECT NULL::text, false, NULL::text;
    RETURN;
  END IF;
  IF has_ended(deposit.status) THEN
    RETURN QUERY SELECT NULL::text, false, suspend_deposit(deposit, p_entry_id, p_settlement_posting_id, p_account_posting_id,
      'CHARGED_AFTER_END', 'The money was taken from the card after all. The bank gives it back.');
    RETURN;
  END IF;
  SELECT * INTO posted FROM ledger.post_batch(
    ARRAY[p_entry_id], ARRAY['TRANSFER'], ARRAY[p_transfer_id], ARRAY[deposit.description], ARRAY[true],
    ARRAY[1, 1], ARRAY[p_settlement_posting_id, p_account_posting_id],
    ARRAY[ledger.system_account('SETTLEMENT', deposit.currency, 'stripe'), deposit.destination_account_id],
    ARRAY[deposit.currency, deposit.currency], ARRAY[-deposit.amount, deposit.amount],
    ARRAY['DEPOSIT', 'DEPOSIT'], ARRAY[NULL, deposit.source_label]);
  IF posted.verdict = 'ACCOUNT_CLOSED' THEN
    RETURN QUERY SELECT NULL::text, false, suspend_deposit(deposit, p_entry_id, p_settlement_posting_id, p_account_posting_id,
      'HELD_IN_SUSPENSE', 'The money was taken from the card, and the account has been closed. The bank gives it back.');
    RETURN;
  END IF;
  IF posted.verdict <> 'POSTED' THEN
    RETURN QUERY SELECT posted.verdict::text, false, NULL::text;
    RETURN;
  END IF;
  PERFORM write_completed(deposit, posted.posted_at);
  RETURN QUERY SELECT NULL::text, true, NULL::text;
END $$;

-- Books what a card was charged to suspense, unless that was done before, and says with which step: null when this call did nothing. The
-- caller holds the row's lock.
CREATE FUNCTION suspend_deposit(
  p_deposit transfer, p_entry_id uuid, p_settlement_posting_id uuid, p_suspense_posting_id uuid, p_step text, p_note text
) RETURNS text
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  posted record;
BEGIN
  IF was_suspended(p_deposit) THEN
    RETURN NULL;
  END IF;
  SELECT * INTO posted FROM ledger.post_batch(
    ARRAY[p_entry_id], ARRAY['SUSPENSE'], ARRAY[p_deposit.id], ARRAY[p_deposit.description], ARRAY[true],
    ARRAY[1, 1], ARRAY[p_settlement_posting_id, p_suspense_posting_id],
    ARRAY[ledger.system_account('SETTLEMENT', p_deposit.currency, 'stripe'), ledger.system_account('SUSPENSE', p_deposit.currency)],
    ARRAY[p_deposit.currency, p_deposit.currency], ARRAY[-p_deposit.amount, p_deposit.amount],
    ARRAY['DEPOSIT', 'DEPOSIT'], ARRAY[NULL, p_deposit.source_label]);
  IF posted.verdict <> 'POSTED' THEN
    RAISE EXCEPTION 'deposit % cannot be booked to suspense: %', p_deposit.id, posted.verdict;
  END IF;
  IF has_ended(p_deposit.status) THEN
    PERFORM write_step(p_deposit, p_deposit.status, p_step, p_note, NULL, posted.posted_at);
  ELSE
    PERFORM write_step(p_deposit, 'FAILED', p_step, p_note, 'account_closed', posted.posted_at);
  END IF;
  RETURN p_step;
END $$;

-- Whether what a card was charged for a deposit was booked to suspense.
CREATE FUNCTION was_suspended(p_deposit transfer) RETURNS boolean
  LANGUAGE sql IMMUTABLE AS $$
  SELECT EXISTS (SELECT FROM jsonb_array_elements(p_deposit.timeline) AS s WHERE s ->> 'step' IN ('CHARGED_AFTER_END', 'HELD_IN_SUSPENSE'))
$$;

GRANT EXECUTE ON FUNCTION may_follow, has_ended, timeline_step, write_step, write_completed, step_transfer, step_deposit, complete_deposit,
  suspend_deposit, was_suspended TO dwaybank_transfer;
