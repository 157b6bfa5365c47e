-- Payouts (WITHDRAWAL, EXTERNAL): money that is held, carried out of the bank by a provider, and posted once the provider says that it has
-- arrived. And whatever else is held before it moves: transfers that a person must look at first.
--
--   start_payout     INITIATED, VALIDATING, BALANCE_RESERVED (or HELD_FOR_REVIEW), with the hold, in one commit
--   send_payout      SENT_TO_PROVIDER, with an attempt, before the provider hears of it; from here on no clock releases the hold
--   complete_payout  the hold is captured                           COMPLETED
--   close_attempt    a provider's no; another may be asked
--   wait_payout      none can be reached: it waits                  BALANCE_RESERVED again
--   fail_payout      nobody is left: the hold is released           FAILED
--   return_payout    it had arrived and came back                   REVERSED
--   cancel_transfer, expire_transfer, release_review, refuse_review
--
-- Each is one transaction under the lock of the transfer's row, so that whoever comes second finds what was done.

ALTER TABLE transfer
  ADD COLUMN destination_payment_method_id uuid, -- of a WITHDRAWAL
  -- Where a payout goes, as providers/payout-reference.ts writes it, and whose it is; of WITHDRAWAL and EXTERNAL. Kept with the transfer, because
  -- a payment method that is linked anew may have another.
  ADD COLUMN destination_reference text,
  ADD COLUMN destination_holder text,
  ADD COLUMN preference text CHECK (preference IN ('BALANCED', 'CHEAP', 'FAST')),
  ADD COLUMN quoted_provider text, -- whose price the fees were quoted at: asked first
  ADD COLUMN hold_id uuid, -- what holds, or held, its money
  ADD CONSTRAINT payout_has_its_end CHECK ((type IN ('WITHDRAWAL', 'EXTERNAL')) = (destination_reference IS NOT NULL)
    AND (destination_reference IS NULL) = (destination_holder IS NULL)
    AND (type = 'WITHDRAWAL') = (destination_payment_method_id IS NOT NULL)),
  -- What leaves no account, but suspense (give_back_deposit), is held by nobody.
  ADD CONSTRAINT payout_has_its_hold CHECK (type NOT IN ('WITHDRAWAL', 'EXTERNAL')
    OR ((hold_id IS NOT NULL) = (source_account_id IS NOT NULL) AND preference IS NOT NULL));

-- "What waits for a person, the longest first."
CREATE INDEX transfer_in_review ON transfer (id) WHERE status = 'HELD_FOR_REVIEW';

-- One giving of a payout to one provider. outcome null: open, it may yet pay. NOT_HERE: it never took it; UNREACHABLE: it never heard of it.
CREATE TABLE provider_attempt (
  transfer_id uuid NOT NULL REFERENCES transfer,
  attempt smallint NOT NULL CHECK (attempt > 0),
  provider text NOT NULL,
  figures jsonb NOT NULL, -- what the choice was made by: preference and every candidate's health, cost, speed and score
  sent_at timestamptz(3) NOT NULL,
  outcome text CHECK (outcome IN ('SUCCEEDED', 'DECLINED', 'UNREACHABLE', 'NOT_HERE', 'RETURNED')),
  ended_at timestamptz(3),
  reference text, -- the provider's own name for it
  code text, -- why not, in the provider's words
  message text,
  fee numeric(38, 0), -- what the provider took for it, where it says so
  PRIMARY KEY (transfer_id, attempt),
  CONSTRAINT ends_with_an_outcome CHECK ((outcome IS NULL) = (ended_at IS NULL))
);

-- However many processes work on a payout: no second provider is asked while the first may pay, or has paid.
CREATE UNIQUE INDEX provider_attempt_one_that_may_pay ON provider_attempt (transfer_id)
  WHERE outcome IS NULL OR outcome IN ('SUCCEEDED', 'RETURNED');

CREATE FUNCTION keep_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_LEVEL = 'STATEMENT' THEN
    RAISE EXCEPTION 'attempts are kept for ever' USING ERRCODE = 'DW020';
  END IF;
  RAISE EXCEPTION 'attempt % of transfer % ended as %', OLD.attempt, OLD.transfer_id, OLD.outcome USING ERRCODE = 'DW020';
END $$;
CREATE TRIGGER attempt_that_ended_stays BEFORE UPDATE ON provider_attempt
  FOR EACH ROW WHEN (OLD.outcome IS NOT NULL AND NOT (OLD.outcome = 'SUCCEEDED' AND NEW.outcome = 'RETURNED'))
  EXECUTE FUNCTION keep_attempt();
CREATE TRIGGER provider_attempt_is_kept BEFORE DELETE OR TRUNCATE ON provider_attempt
  FOR EACH STATEMENT EXECUTE FUNCTION keep_attempt();

-- Claims the key, uses the quote, holds amount and fees, and stores the transfer with its assessment and event. p_transfer has the row's
-- columns as far as the caller knows them; p_spending is {"usdMinor", "bankDailyUsdMinor", "bankMonthlyUsdMinor"} or null. p_review: a person must
-- look first. p_identity: what is known of who the customer is, for the timeline. Outcomes as of create_transfers: DONE, REFUSED (what ledger and quote said no with: stored with the key), REPLAYED, KEY_REUSED.
CREATE FUNCTION start_payout(
  p_mutation text, p_key text, p_body_hash bytea, p_transfer jsonb, p_quote_id uuid, p_review boolean, p_lasts interval,
  p_validating_at timestamptz, p_assessment jsonb, p_spending jsonb, p_identity text
) RETURNS TABLE (outcome text, verdict text, transfer_id uuid)
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
#variable_conflict use_column
DECLARE
  wanted CONSTANT transfer := jsonb_populate_record(NULL::transfer, p_transfer);
  claim idempotency_key;
  refusal text;
  held record;
  started timestamptz;
  validating timestamptz;
  next_status CONSTANT text := CASE WHEN p_review THEN 'HELD_FOR_REVIEW' ELSE 'BALANCE_RESERVED' END;
BEGIN
  -- A key that another transaction is just deciding is waited for here.
  INSERT INTO idempotency_key (user_id, mutation, key, body_hash, transfer_id)
    VALUES (wanted.user_id, p_mutation, p_key, p_body_hash, wanted.id) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    SELECT * INTO claim FROM idempotency_key WHERE user_id = wanted.user_id AND mutation = p_mutation AND key = p_key;
    RETURN QUERY SELECT
      CASE WHEN claim.body_hash <> p_body_hash THEN 'KEY_REUSED'
        -- An earlier run of this very call, whose answer was lost on the way.
        WHEN claim.transfer_id = wanted.id THEN CASE WHEN claim.verdict IS NULL THEN 'DONE' ELSE 'REFUSED' END
        ELSE 'REPLAYED' END,
      CASE WHEN claim.body_hash = p_body_hash THEN claim.verdict END,
      CASE WHEN claim.body_hash = p_body_hash AND claim.verdict IS NULL THEN claim.transfer_id END;
    RETURN;
  END IF;

  IF p_quote_id IS NOT NULL THEN
    refusal := use_quote(p_quote_id, wanted.user_id, wanted.id);
  END IF;
  IF refusal IS NULL AND wanted.destination_account_id IS NOT NULL THEN
    refusal := nullif(ledger.expect_money(wanted.id, wanted.destination_account_id), 'EXPECTED');
  END IF;
  IF refusal IS NULL THEN
    SELECT * INTO held FROM ledger.place_hold(wanted.hold_id, wanted.source_account_id, wanted.amount + wanted.fees, wanted.currency,
      wanted.id, p_lasts, CASE WHEN p_spending IS NOT NULL THEN wanted.user_id END, (p_spending ->> 'usdMinor')::numeric,
      (p_spending ->> 'bankDailyUsdMinor')::numeric, (p_spending ->> 'bankMonthlyUsdMinor')::numeric, wanted.amount);
    refusal := nullif(held.verdict, 'HELD');
  END IF;
  IF refusal IS NOT NULL THEN
    PERFORM ledger.expect_no_more(wanted.id), give_back_quote(p_quote_id, wanted.id);
    UPDATE idempotency_key SET verdict = refusal WHERE user_id = wanted.user_id AND mutation = p_mutation AND key = p_key;
    RETURN QUERY SELECT 'REFUSED', refusal, NULL::uuid;
    RETURN;
  END IF;

  started := least(wanted.created_at, held.placed_at);
  validating := greatest(started, least(p_validating_at, held.placed_at));
  INSERT INTO transfer (id, user_id, type, status, amount, currency, fees, fee_lines, destination_amount, destination_currency,
      source_account_id, source_owner_id, source_label, destination_account_id, destination_payment_method_id, destination_owner_id,
      destination_label, destination_reference, destination_holder, description, preference, quoted_provider, hold_id, timeline,
      created_at, updated_at)
    VALUES (wanted.id, wanted.user_id, wanted.type, next_status, wanted.amount, wanted.currency, wanted.fees, wanted.fee_lines,
      wanted.amount, wanted.currency, wanted.source_account_id, wanted.source_owner_id, wanted.source_label,
      wanted.destination_account_id, wanted.destination_payment_method_id, wanted.destination_owner_id, wanted.destination_label,
      wanted.destination_reference, wanted.destination_holder, wanted.description, wanted.preference, wanted.quoted_provider,
      wanted.hold_id, jsonb_build_array(timeline_step('INITIATED', started, NULL, NULL),
        timeline_step('VALIDATING', started, 'KYC_VERIFICATION', p_identity),
        timeline_step('VALIDATING', validating, 'COMPLIANCE_CHECK', NULL), timeline_step(next_status, held.placed_at, NULL, NULL)),
      started, held.placed_at);
  PERFORM risk.record_assessments(ARRAY[wanted.id], ARRAY[wanted.user_id], ARRAY[p_assessment]);
  PERFORM platform.append_events(ARRAY[CASE WHEN p_review THEN 'TransferAdvanced' ELSE 'PayoutStarted' END], ARRAY[wanted.id::text],
    ARRAY[jsonb_build_object('transferId', wanted.id, 'userId', wanted.user_id,
        'at', to_char(held.placed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
      || CASE WHEN p_review THEN jsonb_build_object('status', next_status) ELSE '{}' END]);
  RETURN QUERY SELECT 'DONE', NULL::text, wanted.id;
END $$;

-- The transfer with its row locked, and with it the row of what it gives back, because that is told of its end: in the order of their ids, as
-- whoever locks many does (book_settlement). What it gives back never changes, and so is read without a lock. What is not there is a bug of the caller.
CREATE FUNCTION lock_transfer(p_transfer_id uuid) RETURNS transfer
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  found_transfer transfer;
BEGIN
  PERFORM FROM transfer WHERE id = ANY (ARRAY[p_transfer_id, (SELECT r.refund_of FROM transfer r WHERE r.id = p_transfer_id)])
    ORDER BY id FOR NO KEY UPDATE;
  SELECT * INTO found_transfer FROM transfer WHERE id = p_transfer_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no transfer %', p_transfer_id USING ERRCODE = 'DW020';
  END IF;
  RETURN found_transfer;
END $$;

-- Gives up what a transfer holds: its money is available again and no longer counts against limits. A hold that has ended without being
-- captured is as good; one that was captured is a contradiction and raises. What is on suspense stays there.
CREATE FUNCTION release_money(p_transfer transfer) RETURNS void
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  ended_as text;
BEGIN
  IF p_transfer.hold_id IS NULL OR (SELECT r.verdict FROM ledger.release_hold(p_transfer.hold_id) r) = 'RELEASED' THEN
    RETURN;
  END IF;
  SELECT h.status INTO ended_as FROM ledger.hold h WHERE h.id = p_transfer.hold_id;
  IF ended_as IS NULL OR ended_as NOT IN ('RELEASED', 'EXPIRED') THEN
    RAISE EXCEPTION 'the hold of transfer % is %', p_transfer.id, ended_as USING ERRCODE = 'DW020';
  END IF;
END $$;

-- A transfer that came to nothing has used up no quote: while it lasts it can be used again.
CREATE FUNCTION free_quote(p_transfer_id uuid) RETURNS void
  LANGUAGE sql SET search_path = transfer, pg_temp AS $$
  UPDATE quote SET used_by = NULL WHERE used_by = p_transfer_id
$$;

-- Whether a payout is on its way: with a provider, or on the way to the next.
CREATE FUNCTION is_with_provider(p_status text) RETURNS boolean
  LANGUAGE sql IMMUTABLE AS $$
  SELECT p_status IN ('SENT_TO_PROVIDER', 'PROVIDER_PROCESSING', 'PROVIDER_CONFIRMING')
$$;

-- Whether a provider has said of a payout what cannot be true, and nobody has resolved that: where its money is is not known, so it goes to nobody else
-- and is not given back.
CREATE FUNCTION is_contradicted(p_transfer_id uuid) RETURNS boolean
  LANGUAGE plpgsql STABLE SET search_path = transfer, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT FROM dead_letter l
    WHERE l.transfer_id = p_transfer_id AND l.kind = 'PROVIDER_CONTRADICTION' AND l.state <> 'RESOLVED');
END $$;

-- A provider is about to be recorded as contradicting itself: under the lock of the transfer's row, so that whoever would end it meanwhile finds the
-- letter, its hold is kept without a clock. A hold that is over already stays so.
CREATE FUNCTION keep_contradicted(p_transfer_id uuid) RETURNS void
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  told transfer;
BEGIN
  IF NOT EXISTS (SELECT FROM transfer t JOIN ledger.hold h ON h.id = t.hold_id WHERE t.id = p_transfer_id AND h.status = 'OPEN') THEN
    RETURN;
  END IF;
  told := lock_transfer(p_transfer_id);
  IF NOT has_ended(told.status) THEN
    PERFORM ledger.keep_hold(told.hold_id, NULL);
  END IF;
END $$;

-- Whether a payout under way is with nobody: no attempt may yet pay or has paid, and no provider has contradicted itself about it. Only then may it
-- be given to a provider, or end without money. Call under the lock of its row.
CREATE FUNCTION nobody_has_it(p_payout transfer) RETURNS boolean
  LANGUAGE plpgsql STABLE SET search_path = transfer, pg_temp AS $$
BEGIN
  RETURN (p_payout.status = 'BALANCE_RESERVED' OR is_with_provider(p_payout.status)) AND NOT is_contradicted(p_payout.id) AND NOT EXISTS (
    SELECT FROM provider_attempt a WHERE a.transfer_id = p_payout.id AND (a.outcome IS NULL OR a.outcome IN ('SUCCEEDED', 'RETURNED')));
END $$;

-- Whether nothing of a payout was ever sent: those who were to have it never heard of it.
CREATE FUNCTION is_unsent(p_transfer_id uuid) RETURNS boolean
  LANGUAGE plpgsql STABLE SET search_path = transfer, pg_temp AS $$
BEGIN
  RETURN NOT EXISTS (SELECT FROM provider_attempt a WHERE a.transfer_id = p_transfer_id AND a.outcome IS DISTINCT FROM 'UNREACHABLE');
END $$;

-- What a payout that no provider has waits for, before it is given to one or fails: STAFF while it is contradicted; ACCOUNT while its account is not
-- ACTIVE and nothing was ever sent (then its hold expires); else null.
CREATE FUNCTION payout_waits_for(p_transfer_id uuid, p_account_id uuid) RETURNS text
  LANGUAGE plpgsql STABLE SET search_path = transfer, pg_temp AS $$
BEGIN
  RETURN CASE
    WHEN is_contradicted(p_transfer_id) THEN 'STAFF'
    WHEN is_unsent(p_transfer_id)
      AND EXISTS (SELECT FROM ledger.account acc WHERE acc.id = p_account_id AND acc.status <> 'ACTIVE') THEN 'ACCOUNT'
  END;
END $$;

-- Gives a payout to a provider, on paper, before the provider hears of it: from now on nothing but the provider's word, or another's, ends
-- it, and its hold lasts. sent is false when it must not be sent (any more): it has ended or waits for a person, another attempt may
-- yet pay, its account was frozen before anything was sent, or its hold has expired, which ends it here.
CREATE FUNCTION send_payout(p_transfer_id uuid, p_provider text, p_figures jsonb, p_note text)
  RETURNS TABLE (sent boolean, status text, attempt smallint, sent_at timestamptz)
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
#variable_conflict use_column
DECLARE
  payout CONSTANT transfer := lock_transfer(p_transfer_id);
  next_attempt smallint;
  stepped timestamptz;
  kept text;
BEGIN
  IF payout.type NOT IN ('WITHDRAWAL', 'EXTERNAL') OR NOT nobody_has_it(payout) THEN
    RETURN QUERY SELECT false, payout.status, NULL::smallint, NULL::timestamptz;
    RETURN;
  END IF;
  SELECT coalesce(max(a.attempt), 0) + 1 INTO next_attempt FROM provider_attempt a WHERE a.transfer_id = p_transfer_id;
  -- What ends it here takes all these locks: in their order.
  PERFORM FROM quote q WHERE q.used_by = p_transfer_id FOR NO KEY UPDATE;
  kept := CASE WHEN payout.hold_id IS NULL THEN 'KEPT' ELSE ledger.keep_hold(payout.hold_id, NULL, is_unsent(p_transfer_id)) END;
  IF kept IN ('ACCOUNT_FROZEN', 'ACCOUNT_CLOSED') THEN
    RETURN QUERY SELECT false, payout.status, NULL::smallint, NULL::timestamptz;
    RETURN;
  ELSIF kept <> 'KEPT' THEN
    IF payout.status = 'BALANCE_RESERVED' THEN
      PERFORM free_quote(payout.id), release_money(payout), write_step(payout, 'EXPIRED', NULL, NULL, NULL);
    ELSE
      -- Somebody has released it by hand while it was on its way to the next provider.
      PERFORM free_quote(payout.id), write_step(payout, 'FAILED', NULL, NULL, 'hold_released');
    END IF;
    RETURN QUERY SELECT false, CASE WHEN payout.status = 'BALANCE_RESERVED' THEN 'EXPIRED' ELSE 'FAILED' END, NULL::smallint,
      NULL::timestamptz;
    RETURN;
  END IF;
  stepped := write_step(payout, 'SENT_TO_PROVIDER', NULL, p_note, NULL);
  INSERT INTO provider_attempt (transfer_id, attempt, provider, figures, sent_at)
    VALUES (p_transfer_id, next_attempt, p_provider, p_figures, stepped);
  RETURN QUERY SELECT true, 'SENT_TO_PROVIDER', next_attempt, stepped;
END $$;

-- What a provider says of an attempt while it works on it, or that it has not said anything (PROVIDER_CONFIRMING). Nothing when the
-- attempt has ended. Each status and step is written once of an attempt: a provider that is asked for days, and answers only now and then,
-- makes no timeline without end. Returns the transfer's status.
CREATE FUNCTION note_payout(p_transfer_id uuid, p_attempt int, p_status text, p_step text, p_note text, p_reference text) RETURNS text
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  payout CONSTANT transfer := lock_transfer(p_transfer_id);
BEGIN
  IF p_status NOT IN ('PROVIDER_PROCESSING', 'PROVIDER_CONFIRMING') THEN
    RAISE EXCEPTION 'a provider’s work is not noted as %', p_status USING ERRCODE = 'DW020';
  END IF;
  UPDATE provider_attempt SET reference = coalesce(p_reference, reference)
    WHERE transfer_id = p_transfer_id AND attempt = p_attempt AND outcome IS NULL;
  IF NOT FOUND OR EXISTS (
    SELECT FROM jsonb_array_elements(payout.timeline) WITH ORDINALITY AS told (entry, place)
    WHERE told.entry ->> 'status' = p_status AND told.entry ->> 'step' IS NOT DISTINCT FROM p_step AND told.place > (
      SELECT max(given.place) FROM jsonb_array_elements(payout.timeline) WITH ORDINALITY AS given (entry, place)
      WHERE given.entry ->> 'status' = 'SENT_TO_PROVIDER')
  ) THEN
    RETURN payout.status;
  END IF;
  RETURN step_transfer(p_transfer_id, NULL, p_status, p_step, p_note, NULL);
END $$;

-- What is known of an attempt and of what is said of it now: null when it is open and so can end; KNOWN when that is what was said before,
-- or older news; CONTRADICTION when both cannot be true.
CREATE FUNCTION attempt_verdict(p_outcome text, p_said text) RETURNS text
  LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN p_outcome IS NULL THEN NULL
    WHEN p_outcome = p_said THEN 'KNOWN'
    WHEN p_outcome = 'RETURNED' AND p_said = 'SUCCEEDED' THEN 'KNOWN'
    WHEN p_outcome IN ('DECLINED', 'UNREACHABLE', 'NOT_HERE') AND p_said IN ('DECLINED', 'UNREACHABLE', 'NOT_HERE') THEN 'KNOWN'
    ELSE 'CONTRADICTION'
  END
$$;

-- The provider has paid: captures the hold (or takes from suspense what lies there) into what the provider is owed for it, and the fees; and books
-- what the provider says that it took for itself, unless its own report has told of that before. Verdicts: DONE, KNOWN, CONTRADICTION; or what the
-- ledger says no with, which leaves everything as it is. p_posting_id are six ids for what is posted.
CREATE FUNCTION complete_payout(
  p_transfer_id uuid, p_attempt int, p_reference text, p_fee numeric, p_entry_id uuid, p_posting_id uuid[]
) RETURNS text
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  payout CONSTANT transfer := lock_transfer(p_transfer_id);
  sent provider_attempt;
  verdict text;
  captured record;
  settlement uuid;
  charge numeric := 0;
  leg record;
  line CONSTANT text := CASE WHEN payout.refund_of IS NOT NULL THEN 'REVERSAL' WHEN payout.type = 'WITHDRAWAL' THEN 'WITHDRAWAL'
    ELSE 'TRANSFER_OUT' END;
BEGIN
  SELECT * INTO STRICT sent FROM provider_attempt WHERE transfer_id = p_transfer_id AND attempt = p_attempt;
  verdict := attempt_verdict(sent.outcome, 'SUCCEEDED');
  IF verdict IS NOT NULL THEN
    RETURN verdict;
  END IF;
  IF NOT is_with_provider(payout.status) THEN
    RETURN 'CONTRADICTION';
  END IF;
  settlement := ledger.system_account('SETTLEMENT', payout.currency, sent.provider);
  IF p_fee > 0 AND NOT EXISTS (SELECT FROM settlement_booking b WHERE b.transfer_id = p_transfer_id AND b.provider = sent.provider) THEN
    charge := p_fee;
  END IF;
  SELECT array_agg(l.account_id ORDER BY l.place) AS accounts, array_agg(l.amount ORDER BY l.place) AS amounts,
      array_agg(l.line_type ORDER BY l.place) AS line_types, array_agg(l.counterparty ORDER BY l.place) AS counterparties, count(*)::int AS legs
    INTO leg
    FROM (VALUES
      (1, coalesce(payout.source_account_id, ledger.system_account('SUSPENSE', payout.currency)), -payout.amount, line, payout.destination_label),
      (2, settlement, payout.amount, line, NULL),
      (3, payout.source_account_id, -payout.fees, 'FEE', NULL),
      (4, CASE WHEN payout.fees > 0 THEN ledger.system_account('FEE', payout.currency) END, payout.fees, 'FEE', NULL),
      (5, settlement, charge, 'FEE', NULL),
      (6, CASE WHEN charge > 0 THEN ledger.system_account('PROVIDER_COST', payout.currency, sent.provider) END, -charge, 'FEE', NULL)
    ) AS l (place, account_id, amount, line_type, counterparty)
    WHERE l.amount <> 0;
  IF payout.hold_id IS NULL THEN
    SELECT * INTO captured FROM ledger.post_batch(ARRAY[p_entry_id], ARRAY['TRANSFER'], ARRAY[p_transfer_id], ARRAY[payout.description],
      ARRAY[true], array_fill(1, ARRAY[leg.legs]), p_posting_id[:leg.legs], leg.accounts, array_fill(payout.currency, ARRAY[leg.legs]),
      leg.amounts, leg.line_types, leg.counterparties);
  ELSE
    SELECT * INTO captured FROM ledger.capture_hold(payout.hold_id, true, p_entry_id, 'TRANSFER', p_transfer_id, payout.description,
      p_posting_id[:leg.legs], leg.accounts, array_fill(payout.currency, ARRAY[leg.legs]), leg.amounts, leg.line_types, leg.counterparties);
  END IF;
  IF captured.verdict <> 'POSTED' THEN
    RETURN captured.verdict;
  END IF;
  IF charge > 0 THEN
    INSERT INTO settlement_booking (entry_id, provider, currency, kind, subject, transfer_id, amount, said_by)
      VALUES (p_entry_id, sent.provider, payout.currency, 'CHARGE', replace(p_transfer_id::text, '-', ''), p_transfer_id, -charge, 'ANSWER');
  END IF;
  UPDATE provider_attempt SET outcome = 'SUCCEEDED', ended_at = captured.posted_at, reference = coalesce(p_reference, reference), fee = p_fee
    WHERE transfer_id = p_transfer_id AND attempt = p_attempt;
  PERFORM write_completed(payout, captured.posted_at), tell_deposit(payout, 'REFUNDED', NULL);
  RETURN 'DONE';
END $$;

-- A provider has said no (DECLINED), never heard of it (UNREACHABLE) or never took it (NOT_HERE): no money moved there, and another may be
-- asked. Verdicts: DONE, KNOWN, CONTRADICTION.
CREATE FUNCTION close_attempt(p_transfer_id uuid, p_attempt int, p_outcome text, p_reference text, p_code text, p_message text) RETURNS text
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  payout CONSTANT transfer := lock_transfer(p_transfer_id);
  sent provider_attempt;
  verdict text;
BEGIN
  IF p_outcome NOT IN ('DECLINED', 'UNREACHABLE', 'NOT_HERE') THEN
    RAISE EXCEPTION 'an attempt is not closed as %', p_outcome USING ERRCODE = 'DW020';
  END IF;
  SELECT * INTO STRICT sent FROM provider_attempt WHERE transfer_id = p_transfer_id AND attempt = p_attempt;
  verdict := attempt_verdict(sent.outcome, p_outcome);
  IF verdict IS NOT NULL THEN
    RETURN verdict;
  END IF;
  UPDATE provider_attempt SET outcome = p_outcome, ended_at = date_trunc('milliseconds', clock_timestamp()),
      reference = coalesce(p_reference, reference), code = p_code, message = p_message
    WHERE transfer_id = p_transfer_id AND attempt = p_attempt;
  RETURN 'DONE';
END $$;

-- Those who could carry it cannot be reached: it waits with nobody, as before it was first sent, and may be cancelled. Its hold has its clock again,
-- which runs for p_lasts from when it was reserved (or let go on by a person), or from the end of the last attempt that a provider heard of: what one
-- has had for hours has not waited. Told once of each time. How long it may wait yet, and has waited since then, in ms; null when it does not
-- wait: somebody has it, or it has ended.
CREATE FUNCTION wait_payout(p_transfer_id uuid, p_lasts interval, p_note text) RETURNS TABLE (left_ms bigint, waited_ms bigint)
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  payout CONSTANT transfer := lock_transfer(p_transfer_id);
  since CONSTANT timestamptz := greatest(coalesce(
    (SELECT max((told ->> 'at')::timestamptz) FROM jsonb_array_elements(payout.timeline) AS told
      WHERE told ->> 'status' = 'BALANCE_RESERVED' AND told ->> 'step' IS NULL), payout.created_at),
    (SELECT max(a.ended_at) FROM provider_attempt a WHERE a.transfer_id = p_transfer_id AND a.outcome <> 'UNREACHABLE'));
BEGIN
  IF NOT nobody_has_it(payout) THEN
    RETURN;
  END IF;
  -- What it says no with, whoever is next to send or fail it finds out.
  IF payout.hold_id IS NOT NULL THEN
    PERFORM ledger.keep_hold(payout.hold_id, since + p_lasts);
  END IF;
  IF payout.status <> 'BALANCE_RESERVED' OR payout.timeline -> -1 ->> 'step' IS NULL THEN
    PERFORM write_step(payout, 'BALANCE_RESERVED', 'AWAITING_PROVIDER', p_note, NULL);
  END IF;
  RETURN QUERY SELECT (extract(epoch FROM since + p_lasts - clock_timestamp()) * 1000)::bigint,
    (extract(epoch FROM clock_timestamp() - since) * 1000)::bigint;
END $$;

-- Nobody carries it: its money is released and it has FAILED. Nothing while an attempt may yet pay or it is contradicted, or when it has
-- ended. Returns the status.
CREATE FUNCTION fail_payout(p_transfer_id uuid, p_code text, p_note text) RETURNS text
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  payout CONSTANT transfer := lock_transfer(p_transfer_id);
BEGIN
  IF NOT nobody_has_it(payout) THEN
    RETURN payout.status;
  END IF;
  PERFORM free_quote(payout.id), release_money(payout), write_step(payout, 'FAILED', NULL, p_note, p_code),
    tell_deposit(payout, 'REFUND_FAILED', p_note);
  RETURN 'FAILED';
END $$;

-- It cannot fail in one piece (fail_payout raised): from now on it is undone piece by piece (payouts/saga.ts). On the same conditions.
CREATE FUNCTION begin_compensation(p_transfer_id uuid, p_code text, p_note text) RETURNS text
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  payout CONSTANT transfer := lock_transfer(p_transfer_id);
BEGIN
  IF NOT nobody_has_it(payout) THEN
    RETURN payout.status;
  END IF;
  PERFORM write_step(payout, 'COMPENSATING', NULL, p_note, p_code);
  RETURN 'COMPENSATING';
END $$;

-- One piece of a transfer that is COMPENSATING is undone: RESERVE is its hold, QUOTE its quote. Doing it twice is fine; what was done stands on the timeline once.
CREATE FUNCTION compensate_step(p_transfer_id uuid, p_piece text) RETURNS void
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  payout CONSTANT transfer := lock_transfer(p_transfer_id);
  done CONSTANT text := p_piece || '_UNDONE';
BEGIN
  IF payout.status <> 'COMPENSATING' THEN
    RAISE EXCEPTION 'transfer % is %: nothing of it is undone', p_transfer_id, payout.status USING ERRCODE = 'DW020';
  END IF;
  CASE p_piece
    WHEN 'RESERVE' THEN PERFORM release_money(payout);
    WHEN 'QUOTE' THEN PERFORM free_quote(payout.id);
  END CASE;
  IF NOT EXISTS (SELECT FROM jsonb_array_elements(payout.timeline) AS s WHERE s ->> 'step' = done) THEN
    PERFORM write_step(payout, 'COMPENSATING', done, NULL, NULL);
  END IF;
END $$;

-- What had arrived came back: the money is the customer's again, by an entry that is linked with the one that it takes back. The fees stay, and what
-- the provider took for itself stays booked until its own report says otherwise. What was taken from suspense lies there again, which tell_deposit tells staff. Verdicts: DONE; SUSPENDED when the account has been closed and
-- the money is in suspense; KNOWN; CONTRADICTION; OPEN when it was not known yet that it had arrived (complete it first); or what the
-- ledger says no with for now.
CREATE FUNCTION return_payout(p_transfer_id uuid, p_attempt int, p_code text, p_message text, p_entry_id uuid, p_posting_id uuid[]) RETURNS text
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  payout CONSTANT transfer := lock_transfer(p_transfer_id);
  sent provider_attempt;
  original uuid;
  posted record;
  suspended boolean := payout.source_account_id IS NULL;
BEGIN
  SELECT * INTO STRICT sent FROM provider_attempt WHERE transfer_id = p_transfer_id AND attempt = p_attempt;
  IF sent.outcome IS DISTINCT FROM 'SUCCEEDED' THEN
    RETURN coalesce(attempt_verdict(sent.outcome, 'RETURNED'), 'OPEN');
  END IF;
  IF payout.status <> 'COMPLETED' THEN
    RETURN 'CONTRADICTION';
  END IF;
  SELECT e.id INTO STRICT original FROM ledger.entry e WHERE e.transfer_id = p_transfer_id AND e.kind = 'TRANSFER';
  SELECT * INTO posted FROM ledger.reverse_outgoing(p_entry_id, p_posting_id, original, suspended);
  IF posted.verdict = 'ACCOUNT_CLOSED' THEN
    suspended := true;
    SELECT * INTO posted FROM ledger.reverse_outgoing(p_entry_id, p_posting_id, original, true);
  END IF;
  IF posted.verdict <> 'POSTED' THEN
    RETURN posted.verdict;
  END IF;
  UPDATE provider_attempt SET outcome = 'RETURNED', ended_at = posted.posted_at, code = p_code, message = p_message
    WHERE transfer_id = p_transfer_id AND attempt = p_attempt;
  PERFORM write_step(payout, 'REVERSED', CASE WHEN suspended THEN 'HELD_IN_SUSPENSE' END,
    CASE WHEN suspended THEN 'The money came back, and the account has been closed. The bank gives it back.' ELSE p_message END,
    NULL, posted.posted_at, 'TransferReversed', jsonb_build_object('status', 'REVERSED')), tell_deposit(payout, 'REFUND_RETURNED', p_message);
  RETURN CASE WHEN suspended AND payout.source_account_id IS NOT NULL THEN 'SUSPENDED' ELSE 'DONE' END;
END $$;

-- Ends a transfer whose hold has expired before anything was sent. Once: whoever comes later finds it ended.
CREATE FUNCTION expire_transfer(p_transfer_id uuid) RETURNS text
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  found_transfer CONSTANT transfer := lock_transfer(p_transfer_id);
BEGIN
  IF found_transfer.status NOT IN ('BALANCE_RESERVED', 'HELD_FOR_REVIEW') THEN
    RETURN found_transfer.status;
  END IF;
  PERFORM free_quote(found_transfer.id), write_step(found_transfer, 'EXPIRED', NULL, NULL, NULL);
  RETURN 'EXPIRED';
END $$;

-- Withdraws a transfer that its customer asked for, while nothing of it was sent. Null when it is cancelled, by this call or an earlier one.
CREATE FUNCTION cancel_transfer(p_transfer_id uuid, p_user_id uuid) RETURNS text
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  found_transfer transfer;
BEGIN
  -- The same lock under which it is sent: either the one or the other.
  SELECT * INTO found_transfer FROM transfer WHERE id = p_transfer_id AND user_id = p_user_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN 'TRANSFER_NOT_FOUND';
  END IF;
  IF found_transfer.status = 'CANCELLED' THEN
    RETURN NULL;
  END IF;
  IF NOT (found_transfer.status IN ('BALANCE_RESERVED', 'HELD_FOR_REVIEW')
    OR found_transfer.status = 'INITIATED' AND found_transfer.type = 'DEPOSIT')
    -- It may have been paid: where its money is is not known.
    OR found_transfer.type <> 'DEPOSIT' AND is_contradicted(p_transfer_id)
    -- What the bank gives back, its customer does not withdraw.
    OR found_transfer.refund_of IS NOT NULL AND NOT EXISTS (
      SELECT FROM idempotency_key k WHERE k.user_id = p_user_id AND k.mutation = 'refundTransfer' AND k.transfer_id = p_transfer_id)
  THEN
    RETURN 'CANNOT_BE_CANCELLED';
  END IF;
  PERFORM free_quote(found_transfer.id);
  IF found_transfer.hold_id IS NOT NULL THEN
    PERFORM release_money(found_transfer);
  END IF;
  PERFORM write_step(found_transfer, 'CANCELLED', NULL, NULL, NULL);
  RETURN NULL;
END $$;

-- Why a member of staff cannot decide about a transfer; null when they can. Nobody decides about money that is, or would be, their own.
CREATE FUNCTION review_refusal(p_transfer transfer, p_staff_id uuid) RETURNS text
  LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN p_transfer.status <> 'HELD_FOR_REVIEW' THEN 'NOT_IN_REVIEW'
    WHEN p_staff_id = p_transfer.user_id OR p_staff_id IS NOT DISTINCT FROM p_transfer.destination_owner_id THEN 'OWN_TRANSFER'
  END
$$;

-- Lets a transfer go on that a person has looked at: INTERNAL is posted, a payout begins, its money held for p_lasts more. Null when done;
-- else why not, and nothing was changed. Nothing leaves an account that was frozen meanwhile, although a hold of it could be captured.
CREATE FUNCTION release_review(p_transfer_id uuid, p_staff_id uuid, p_lasts interval, p_entry_id uuid, p_posting_id uuid[]) RETURNS text
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  reviewed CONSTANT transfer := lock_transfer(p_transfer_id);
  refusal text := review_refusal(reviewed, p_staff_id);
  captured record;
BEGIN
  IF refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  IF reviewed.type = 'INTERNAL' THEN
    BEGIN
      SELECT * INTO captured FROM ledger.capture_hold(reviewed.hold_id, true, p_entry_id, 'TRANSFER', p_transfer_id, reviewed.description,
        p_posting_id, ARRAY[reviewed.source_account_id, reviewed.destination_account_id], ARRAY[reviewed.currency, reviewed.currency],
        ARRAY[-reviewed.amount, reviewed.amount], ARRAY['TRANSFER_OUT', 'TRANSFER_IN'],
        ARRAY[reviewed.destination_label, reviewed.source_label]);
      IF captured.verdict <> 'POSTED' THEN
        RETURN captured.verdict;
      END IF;
      -- Looked at under the account's lock, which the capture has taken with all others in their order.
      IF EXISTS (SELECT FROM ledger.account acc WHERE acc.id = reviewed.source_account_id AND acc.status <> 'ACTIVE') THEN
        RAISE EXCEPTION 'account % is not active', reviewed.source_account_id USING ERRCODE = 'DW021';
      END IF;
    EXCEPTION WHEN SQLSTATE 'DW021' THEN
      RETURN 'ACCOUNT_FROZEN';
    END;
    PERFORM write_completed(reviewed, captured.posted_at);
  ELSE
    refusal := ledger.keep_hold(reviewed.hold_id, CASE WHEN NOT is_contradicted(p_transfer_id) THEN clock_timestamp() + p_lasts END, true);
    IF refusal <> 'KEPT' THEN
      RETURN refusal;
    END IF;
    PERFORM write_step(reviewed, 'BALANCE_RESERVED', NULL, NULL, NULL, NULL, 'PayoutStarted');
  END IF;
  INSERT INTO intervention (actor, action, subject) VALUES (p_staff_id::text, 'REVIEW_RELEASED', p_transfer_id::text);
  RETURN NULL;
END $$;

-- Ends a transfer that a person has looked at. What the customer reads says nothing of why. Null when done; else why not.
CREATE FUNCTION refuse_review(p_transfer_id uuid, p_staff_id uuid, p_reason text) RETURNS text
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  reviewed CONSTANT transfer := lock_transfer(p_transfer_id);
  refusal CONSTANT text := review_refusal(reviewed, p_staff_id);
BEGIN
  IF refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  PERFORM free_quote(reviewed.id), release_money(reviewed), write_step(reviewed, 'FAILED', NULL, NULL, 'NOT_PROCESSED');
  INSERT INTO intervention (actor, action, subject, note) VALUES (p_staff_id::text, 'REVIEW_REFUSED', p_transfer_id::text, p_reason);
  RETURN NULL;
END $$;

GRANT EXECUTE ON FUNCTION start_payout, lock_transfer, release_money, free_quote, is_with_provider, is_contradicted, keep_contradicted, nobody_has_it, is_unsent, payout_waits_for,
  send_payout, wait_payout, note_payout, attempt_verdict,
  complete_payout, close_attempt, fail_payout, begin_compensation, compensate_step, return_payout, expire_transfer, cancel_transfer,
  review_refusal, release_review, refuse_review TO dwaybank_transfer;
