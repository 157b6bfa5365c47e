-- Money of deposits that goes back to the card it was taken from. It is a payout (20261121110200_payouts) whose one possible end is the charge
-- of the deposit: held first, sent under one key, asked about while it is unknown, captured or released. Two things begin one:
--
--   refund_deposit      a customer, or staff, gives back what a deposit has brought: from the account it came onto
--   give_back_deposit   the bank gives back what was charged and can go to nobody: from suspense
--
-- Of the payout's end its deposit is told (tell_deposit).

-- What of a deposit's charge may still be given back: what was, or may yet be, is not. Call under the lock of its row.
CREATE FUNCTION remaining_of(p_deposit transfer) RETURNS numeric
  LANGUAGE sql STABLE SET search_path = transfer, pg_temp AS $$
  SELECT p_deposit.amount - coalesce(sum(r.amount), 0) FROM transfer r
    WHERE r.refund_of = p_deposit.id AND r.status NOT IN ('FAILED', 'EXPIRED', 'CANCELLED', 'COMPENSATED', 'REVERSED')
$$;

-- Writes a payout of a deposit to its card, and PayoutStarted. What is held leaves the account that the deposit came onto (p_hold_id); with
-- none it leaves suspense. The caller has the deposit's row locked and has claimed the key.
CREATE FUNCTION write_card_refund(
  p_deposit transfer, p_refund_id uuid, p_amount numeric, p_hold_id uuid, p_description text, p_note text,
  p_initiated_at timestamptz, p_reserved_at timestamptz
) RETURNS void
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  held CONSTANT boolean := p_hold_id IS NOT NULL;
  started CONSTANT timestamptz := least(p_initiated_at, p_reserved_at);
BEGIN
  INSERT INTO transfer (id, user_id, type, status, amount, currency, destination_amount, destination_currency,
      source_account_id, source_owner_id, source_label, destination_payment_method_id, destination_owner_id, destination_label,
      destination_reference, destination_holder, description, preference, hold_id, refund_of, timeline, created_at, updated_at)
    VALUES (p_refund_id, p_deposit.user_id, 'WITHDRAWAL', 'BALANCE_RESERVED', p_amount, p_deposit.currency, p_amount, p_deposit.currency,
      CASE WHEN held THEN p_deposit.destination_account_id END, CASE WHEN held THEN p_deposit.destination_owner_id END,
      CASE WHEN held THEN p_deposit.destination_label ELSE 'DwayBank' END,
      p_deposit.source_payment_method_id, p_deposit.source_owner_id, p_deposit.source_label,
      'charge:' || p_deposit.id, p_deposit.destination_label, p_description, 'BALANCED', p_hold_id, p_deposit.id,
      jsonb_build_array(timeline_step('INITIATED', started, NULL, p_note), timeline_step('VALIDATING', started, NULL, NULL),
        timeline_step('BALANCE_RESERVED', p_reserved_at, NULL, NULL)),
      started, p_reserved_at);
  PERFORM platform.append_events(ARRAY['PayoutStarted'], ARRAY[p_refund_id::text], ARRAY[jsonb_build_object(
    'transferId', p_refund_id, 'userId', p_deposit.user_id,
    'at', to_char(p_reserved_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))]);
END $$;

-- Claims the key, holds what is to be given back, and begins the payout, in one commit. Outcomes as of refund_transfer; verdicts: those of
-- place_hold, NOT_REFUNDABLE and REFUND_EXCEEDS_REMAINING. Keys first, then the deposit's row, then the ledger. Like every refund
-- it counts against no limit.
CREATE FUNCTION refund_deposit(
  p_mutation text, p_refund_id uuid, p_user_id uuid, p_key text, p_body_hash bytea, p_deposit_id uuid, p_amount numeric,
  p_description text, p_note text, p_hold_id uuid, p_lasts interval, p_initiated_at timestamptz
) RETURNS TABLE (outcome text, verdict text, transfer_id uuid)
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
#variable_conflict use_column
DECLARE
  claim idempotency_key;
  deposit transfer;
  wanted numeric;
  refusal text;
  held record;
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

  -- However many ask at once, they count what remains one after the other.
  SELECT * INTO deposit FROM transfer WHERE id = p_deposit_id AND type = 'DEPOSIT' FOR NO KEY UPDATE;
  wanted := coalesce(p_amount, remaining_of(deposit));
  refusal := CASE
    WHEN deposit.id IS NULL OR deposit.status NOT IN ('COMPLETED', 'REVERSED') THEN 'NOT_REFUNDABLE'
    WHEN wanted = 0 OR wanted > remaining_of(deposit) THEN 'REFUND_EXCEEDS_REMAINING' END;
  IF refusal IS NULL THEN
    SELECT * INTO held FROM ledger.place_hold(p_hold_id, deposit.destination_account_id, wanted, deposit.currency, p_refund_id, p_lasts);
    refusal := nullif(held.verdict, 'HELD');
  END IF;
  IF refusal IS NOT NULL THEN
    UPDATE idempotency_key SET verdict = refusal WHERE user_id = p_user_id AND mutation = p_mutation AND key = p_key;
    RETURN QUERY SELECT 'REFUSED', refusal, NULL::uuid;
    RETURN;
  END IF;
  PERFORM write_card_refund(deposit, p_refund_id, wanted, p_hold_id, p_description, p_note, p_initiated_at, held.placed_at);
  RETURN QUERY SELECT 'DONE', NULL::text, p_refund_id;
END $$;

-- Begins to give back to its card what lies on suspense for a deposit: all that nobody is giving back already. False when there is nothing.
CREATE FUNCTION give_back_deposit(p_deposit_id uuid, p_refund_id uuid) RETURNS boolean
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  deposit transfer;
  remaining numeric;
  started CONSTANT timestamptz := date_trunc('milliseconds', clock_timestamp());
BEGIN
  SELECT * INTO deposit FROM transfer WHERE id = p_deposit_id AND type = 'DEPOSIT' FOR NO KEY UPDATE;
  remaining := remaining_of(deposit);
  IF NOT FOUND OR NOT was_suspended(deposit) OR remaining = 0 THEN
    RETURN false;
  END IF;
  -- Nobody asked for it with a key: its own id is the key.
  INSERT INTO idempotency_key (user_id, mutation, key, body_hash, transfer_id)
    VALUES (deposit.user_id, 'giveBackDeposit', p_refund_id::text, ''::bytea, p_refund_id);
  PERFORM write_card_refund(deposit, p_refund_id, remaining, NULL, NULL, 'The bank gives back what was taken from the card.', started, started);
  RETURN true;
END $$;

-- Tells a deposit what became of the giving back of it: REFUNDED, and REVERSED once all of it was; REFUND_FAILED; REFUND_RETURNED, which leaves a
-- terminal state as it is. Where the money came from suspense the letter about it ends with it, or is opened again. For a transfer that is not
-- the refund of a deposit it does nothing. lock_transfer has locked both rows.
CREATE FUNCTION tell_deposit(p_refund transfer, p_step text, p_note text) RETURNS void
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  deposit transfer;
  next_status text;
BEGIN
  IF p_refund.refund_of IS NULL THEN
    RETURN;
  END IF;
  SELECT * INTO STRICT deposit FROM transfer WHERE id = p_refund.refund_of;
  next_status := CASE WHEN deposit.status = 'COMPLETED' AND deposit.amount = (
      SELECT sum(r.amount) FROM transfer r WHERE r.refund_of = deposit.id AND r.status = 'COMPLETED')
    THEN 'REVERSED' ELSE deposit.status END;
  IF p_step = 'REFUNDED' AND next_status IN ('COMPLETED', 'REVERSED') THEN
    PERFORM write_step(deposit, next_status, p_step, p_note, NULL, NULL, 'TransferReversed', jsonb_build_object('status', next_status));
  ELSE
    PERFORM write_step(deposit, next_status, p_step, p_note, NULL);
  END IF;
  IF p_refund.source_account_id IS NOT NULL THEN
    RETURN;
  ELSIF p_step = 'REFUNDED' THEN
    PERFORM settle_dead_letter(deposit.id, 'DEPOSIT_SUSPENDED', 'Its card has the money back, by transfer ' || p_refund.id);
  ELSE
    PERFORM record_dead_letter(gen_random_uuid(), deposit.id, 'DEPOSIT_SUSPENDED', 'RECOVERABLE', 'HIGH',
      'The money of a deposit lies on suspense and did not arrive at its card: a retry sends it again.',
      jsonb_build_object('refund', p_refund.id, 'said', p_note));
  END IF;
END $$;

GRANT EXECUTE ON FUNCTION remaining_of, write_card_refund, refund_deposit, give_back_deposit, tell_deposit TO dwaybank_transfer;

-- What is under way already was promised to its account.
SELECT ledger.expect_money(t.id, t.destination_account_id, true) FROM transfer t
  WHERE t.destination_account_id IS NOT NULL AND NOT has_ended(t.status);
