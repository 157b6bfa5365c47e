-- Placing, capturing, increasing, releasing and expiring holds.
--
-- Each operation takes the locks in the order of ledger.post_batch: the limits of the customer whose spending counts, then accounts by
-- id. A hold changes under its account's lock only, so that whoever has that lock sees the hold as it is. Whether it has expired is
-- decided there too, by clock_timestamp(): not by now(), which may be long before the lock was had, nor by anybody's own clock. A
-- capture and the sweep that meet at the expiry therefore both see the same: what came first under the lock.
--
-- The functions without a GRANT are parts of the others and expect the locks to be held.

-- Counts spending against a customer's limits, as ledger.post_batch does it for an entry; false, and nothing is counted, when a limit is below it.
CREATE FUNCTION count_spending(
  p_owner_id uuid, p_currency text, p_usd numeric, p_daily_usd numeric, p_monthly_usd numeric, p_own numeric, p_at timestamptz
) RETURNS boolean
  LANGUAGE plpgsql SET search_path = ledger, pg_temp AS $$
DECLARE
  today CONSTANT date := (p_at AT TIME ZONE 'UTC')::date;
  this_month CONSTANT date := date_trunc('month', today::timestamp)::date;
BEGIN
  IF p_usd IS NULL OR p_own IS NULL OR p_usd < 0 OR p_own < 0 THEN
    RAISE EXCEPTION 'what customer % spends is not said', p_owner_id USING ERRCODE = 'DW003';
  END IF;
  IF EXISTS (
    SELECT FROM spending_limit l,
      LATERAL (SELECT l.scope = 'TOTAL' AS is_total) s,
      LATERAL (SELECT CASE WHEN is_total THEN p_usd ELSE p_own END AS spent) n
    WHERE l.owner_id = p_owner_id AND l.scope IN ('TOTAL', p_currency)
      AND (CASE WHEN l.day = today THEN l.day_spent ELSE 0 END + n.spent > least(l.daily, CASE WHEN is_total THEN p_daily_usd END)
        OR CASE WHEN l.month = this_month THEN l.month_spent ELSE 0 END + n.spent > least(l.monthly, CASE WHEN is_total THEN p_monthly_usd END))
  ) THEN
    RETURN false;
  END IF;
  UPDATE spending_limit SET
      day_spent = CASE WHEN day = today THEN day_spent ELSE 0 END + CASE WHEN scope = 'TOTAL' THEN p_usd ELSE p_own END,
      month_spent = CASE WHEN month = this_month THEN month_spent ELSE 0 END + CASE WHEN scope = 'TOTAL' THEN p_usd ELSE p_own END,
      day = today, month = this_month
    WHERE owner_id = p_owner_id AND scope IN ('TOTAL', p_currency);
  RETURN true;
END $$;

-- Gives back what p_amount of a hold counted against limits: of the newest part first, in proportion and rounded down. A counter that
-- has begun another day or month since then is left alone.
CREATE FUNCTION return_spending(p_hold_id uuid, p_amount numeric) RETURNS void
  LANGUAGE plpgsql SET search_path = ledger, pg_temp AS $$
DECLARE
  part hold_spending;
  remaining numeric := p_amount;
  freed numeric;
  usd_back numeric;
  own_back numeric;
  part_day date;
  part_month date;
BEGIN
  FOR part IN SELECT * FROM hold_spending s WHERE s.hold_id = p_hold_id AND s.returned < s.amount ORDER BY s.part DESC LOOP
    EXIT WHEN remaining = 0;
    freed := least(remaining, part.amount - part.returned);
    remaining := remaining - freed;
    -- From the sum so far, so that what many small releases give back is what one large one would; div() because / rounds.
    usd_back := div(part.usd * (part.returned + freed), part.amount) - part.usd_returned;
    own_back := div(part.own * (part.returned + freed), part.amount) - part.own_returned;
    UPDATE hold_spending s
      SET returned = s.returned + freed, usd_returned = s.usd_returned + usd_back, own_returned = s.own_returned + own_back
      WHERE s.hold_id = p_hold_id AND s.part = part.part;
    part_day := (part.at AT TIME ZONE 'UTC')::date;
    part_month := date_trunc('month', part_day::timestamp)::date;
    UPDATE spending_limit l SET
        day_spent = l.day_spent - CASE WHEN l.day <> part_day THEN 0 WHEN l.scope = 'TOTAL' THEN usd_back ELSE own_back END,
        month_spent = l.month_spent - CASE WHEN l.month <> part_month THEN 0 WHEN l.scope = 'TOTAL' THEN usd_back ELSE own_back END
      WHERE l.owner_id = part.owner_id AND l.scope IN ('TOTAL', part.currency) AND (l.day = part_day OR l.month = part_month);
  END LOOP;
END $$;

-- Locks what an operation on one hold needs and returns the account: the limits of p_spent_by (null: none), then the account. Null when
-- there is no such customer account.
CREATE FUNCTION lock_for_hold(p_spent_by uuid, p_account_id uuid) RETURNS account
  LANGUAGE plpgsql SET search_path = ledger, pg_temp AS $$
DECLARE
  found_account account;
BEGIN
  IF p_spent_by IS NOT NULL THEN
    PERFORM FROM spending_limit WHERE owner_id = p_spent_by AND scope = 'TOTAL' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'customer % spends without an account', p_spent_by USING ERRCODE = 'DW003';
    END IF;
  END IF;
  SELECT * INTO found_account FROM account WHERE id = p_account_id AND owner_id IS NOT NULL FOR NO KEY UPDATE;
  RETURN found_account;
END $$;

-- The time of a change under the locks: whole milliseconds, never before the account's last change nor on a day before the newest
-- that was counted.
CREATE FUNCTION time_of_change(p_account account, p_spent_by uuid) RETURNS timestamptz
  LANGUAGE sql VOLATILE SET search_path = ledger, pg_temp AS $$
  SELECT greatest(p_account.changed_at, date_trunc('milliseconds', clock_timestamp()), (
    SELECT l.day::timestamp AT TIME ZONE 'UTC' FROM spending_limit l WHERE l.owner_id = p_spent_by AND l.scope = 'TOTAL'))
$$;

-- Moves `held` of an account by p_delta for a hold that has the status p_status now: one version, one line of the hold's history, one event.
CREATE FUNCTION move_held(p_account account, p_hold hold, p_kind text, p_delta numeric, p_status text, p_at timestamptz) RETURNS void
  LANGUAGE plpgsql SET search_path = ledger, pg_temp AS $$
DECLARE
  next_version CONSTANT bigint := p_account.version + 1;
  next_held CONSTANT numeric := p_account.held + p_delta;
BEGIN
  UPDATE account SET held = next_held, version = next_version, changed_at = p_at WHERE id = p_account.id;
  INSERT INTO balance_changes (account_id, version, posted, held, overdraft, posting_id, amount, at)
    VALUES (p_account.id, next_version, p_account.posted, next_held, p_account.overdraft, NULL, 0, p_at);
  INSERT INTO hold_change (hold_id, version, kind, amount, account_id, at)
    VALUES (p_hold.id, next_version, p_kind, abs(p_delta), p_account.id, p_at);
  PERFORM platform.append_events(ARRAY['HoldChanged'], ARRAY[p_hold.id::text], ARRAY[jsonb_build_object(
    'holdId', p_hold.id, 'transferId', p_hold.transfer_id, 'status', p_status,
    'changes', jsonb_build_array(jsonb_build_object(
      'accountId', p_account.id, 'ownerId', p_account.owner_id, 'currency', p_account.currency, 'version', next_version,
      'posted', p_account.posted::text, 'held', next_held::text, 'overdraft', p_account.overdraft::text,
      'at', to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'postingId', NULL, 'amountMinor', '0', 'lineType', NULL, 'counterparty', NULL, 'description', NULL)))]);
END $$;

-- Whether a hold is past its expiry. Under the account's lock.
CREATE FUNCTION has_expired(p_hold hold) RETURNS boolean
  LANGUAGE sql VOLATILE SET search_path = ledger, pg_temp AS $$
  SELECT p_hold.status = 'EXPIRED' OR (p_hold.status = 'OPEN' AND coalesce(p_hold.expires_at <= clock_timestamp(), false))
$$;

-- Promises p_amount of an account's available money to a transfer. Placed again under the same id with the same figures it is HELD
-- again, at the time of then and whatever has become of it; with other figures it raises. The spending arguments are those of ledger.post_batch.
CREATE FUNCTION place_hold(
  p_hold_id uuid, p_account_id uuid, p_amount numeric, p_currency text, p_transfer_id uuid,
  p_lasts interval DEFAULT '30 minutes', p_spent_by uuid DEFAULT NULL, p_spent_usd numeric DEFAULT NULL,
  p_daily_usd numeric DEFAULT NULL, p_monthly_usd numeric DEFAULT NULL, p_spent_amount numeric DEFAULT NULL
) RETURNS TABLE (verdict text, placed_at timestamptz, expires_at timestamptz)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp
  SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  acc account;
  placed hold;
  placed_amount numeric;
  moment timestamptz;
  refusal text;
BEGIN
  IF p_amount IS NULL OR p_amount <= 0 OR p_amount <> trunc(p_amount) OR p_lasts <= interval '0' THEN
    RAISE EXCEPTION 'a hold is of whole minor units, and lasts' USING ERRCODE = 'DW003';
  END IF;
  acc := lock_for_hold(p_spent_by, p_account_id);

  SELECT * INTO placed FROM hold WHERE id = p_hold_id;
  IF FOUND THEN
    SELECT c.amount INTO placed_amount FROM hold_change c WHERE c.hold_id = p_hold_id AND c.kind = 'PLACED';
    IF (placed.account_id, placed_amount, placed.currency, placed.transfer_id, placed.spent_by)
      IS DISTINCT FROM (p_account_id, p_amount, p_currency, p_transfer_id, p_spent_by) THEN
      RAISE EXCEPTION 'hold % was placed with other figures', p_hold_id USING ERRCODE = 'DW003';
    END IF;
    RETURN QUERY SELECT 'HELD', placed.placed_at::timestamptz, placed.expires_at::timestamptz;
    RETURN;
  END IF;

  PERFORM refuse_while_stopped();
  moment := time_of_change(acc, p_spent_by);
  refusal := CASE
    WHEN acc.id IS NULL THEN 'UNKNOWN_ACCOUNT'
    WHEN acc.currency <> p_currency THEN 'CURRENCY_MISMATCH'
    WHEN acc.status <> 'ACTIVE' THEN 'ACCOUNT_' || acc.status
    WHEN acc.posted - acc.held + acc.overdraft < p_amount THEN 'INSUFFICIENT_FUNDS' END;
  -- The limit comes last, because with it the counting is done.
  IF refusal IS NULL AND p_spent_by IS NOT NULL
    AND NOT count_spending(p_spent_by, p_currency, p_spent_usd, p_daily_usd, p_monthly_usd, p_spent_amount, moment) THEN
    refusal := 'LIMIT_EXCEEDED';
  END IF;
  IF refusal IS NOT NULL THEN
    RETURN QUERY SELECT refusal, NULL::timestamptz, NULL::timestamptz;
    RETURN;
  END IF;

  INSERT INTO hold (id, account_id, owner_id, currency, transfer_id, spent_by, amount, placed_at, expires_at)
    VALUES (p_hold_id, acc.id, acc.owner_id, acc.currency, p_transfer_id, p_spent_by, p_amount, moment, moment + p_lasts)
    RETURNING * INTO placed;
  IF p_spent_by IS NOT NULL THEN
    INSERT INTO hold_spending (hold_id, part, owner_id, currency, amount, usd, own, at)
      VALUES (p_hold_id, 1, p_spent_by, acc.currency, p_amount, p_spent_usd, p_spent_amount, moment);
  END IF;
  PERFORM move_held(acc, placed, 'PLACED', p_amount, 'OPEN', moment);
  RETURN QUERY SELECT 'HELD', placed.placed_at::timestamptz, placed.expires_at::timestamptz;
END $$;

-- The hold as it is before any lock is had: only what never changes may be used of it.
CREATE FUNCTION known_hold(p_hold_id uuid) RETURNS hold
  LANGUAGE plpgsql STABLE SET search_path = ledger, pg_temp AS $$
DECLARE
  known hold;
BEGIN
  SELECT * INTO known FROM hold WHERE id = p_hold_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no hold %', p_hold_id USING ERRCODE = 'DW003';
  END IF;
  RETURN known;
END $$;

-- Money that is set aside in a pocket (20261121100100_account_status) is touched by the functions for pockets alone: whoever else does so
-- is mistaken. No lock is needed to know: a hold is a pocket's from the commit that places it until it has ended.
CREATE FUNCTION refuse_hold_of_pocket(p_hold_id uuid) RETURNS void
  LANGUAGE plpgsql STABLE SET search_path = ledger, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM pocket WHERE hold_id = p_hold_id) THEN
    RAISE EXCEPTION 'hold % is money in a pocket', p_hold_id USING ERRCODE = 'DW003';
  END IF;
END $$;

-- Holds more under the same hold: INCREASED, or HOLD_EXPIRED, HOLD_CLOSED and the refusals of place_hold. The expiry stays.
CREATE FUNCTION increase_any_hold(
  p_hold_id uuid, p_amount numeric, p_spent_usd numeric DEFAULT NULL, p_daily_usd numeric DEFAULT NULL,
  p_monthly_usd numeric DEFAULT NULL, p_spent_amount numeric DEFAULT NULL
) RETURNS TABLE (verdict text, at timestamptz)
  LANGUAGE plpgsql SET search_path = ledger, pg_temp AS $$
#variable_conflict use_column
DECLARE
  found_hold hold;
  acc account;
  moment timestamptz;
  refusal text;
BEGIN
  IF p_amount IS NULL OR p_amount <= 0 OR p_amount <> trunc(p_amount) THEN
    RAISE EXCEPTION 'a hold is of whole minor units' USING ERRCODE = 'DW003';
  END IF;
  found_hold := known_hold(p_hold_id);
  acc := lock_for_hold(found_hold.spent_by, found_hold.account_id);
  SELECT * INTO found_hold FROM hold WHERE id = p_hold_id;
  PERFORM refuse_while_stopped();
  moment := time_of_change(acc, found_hold.spent_by);
  refusal := CASE
    WHEN has_expired(found_hold) THEN 'HOLD_EXPIRED'
    WHEN found_hold.status <> 'OPEN' THEN 'HOLD_CLOSED'
    WHEN acc.status <> 'ACTIVE' THEN 'ACCOUNT_' || acc.status
    WHEN acc.posted - acc.held + acc.overdraft < p_amount THEN 'INSUFFICIENT_FUNDS' END;
  IF refusal IS NULL AND found_hold.spent_by IS NOT NULL AND NOT count_spending(
    found_hold.spent_by, acc.currency, p_spent_usd, p_daily_usd, p_monthly_usd, p_spent_amount, moment) THEN
    refusal := 'LIMIT_EXCEEDED';
  END IF;
  IF refusal IS NOT NULL THEN
    RETURN QUERY SELECT refusal, NULL::timestamptz;
    RETURN;
  END IF;
  UPDATE hold SET amount = amount + p_amount WHERE id = p_hold_id;
  IF found_hold.spent_by IS NOT NULL THEN
    INSERT INTO hold_spending (hold_id, part, owner_id, currency, amount, usd, own, at)
      SELECT p_hold_id, 1 + max(s.part), found_hold.spent_by, acc.currency, p_amount, p_spent_usd, p_spent_amount, moment
      FROM hold_spending s WHERE s.hold_id = p_hold_id;
  END IF;
  PERFORM move_held(acc, found_hold, 'INCREASED', p_amount, 'OPEN', moment);
  RETURN QUERY SELECT 'INCREASED', moment;
END $$;

CREATE FUNCTION increase_hold(
  p_hold_id uuid, p_amount numeric, p_spent_usd numeric DEFAULT NULL, p_daily_usd numeric DEFAULT NULL,
  p_monthly_usd numeric DEFAULT NULL, p_spent_amount numeric DEFAULT NULL
) RETURNS TABLE (verdict text, at timestamptz)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp
  SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
  PERFORM refuse_hold_of_pocket(p_hold_id);
  RETURN QUERY SELECT * FROM increase_any_hold(p_hold_id, p_amount, p_spent_usd, p_daily_usd, p_monthly_usd, p_spent_amount);
END $$;

-- Frees p_amount of an open hold, of which that much is left, and gives the limits back what it counted: the time it happened.
CREATE FUNCTION free_held(p_account account, p_hold hold, p_amount numeric, p_kind text) RETURNS timestamptz
  LANGUAGE plpgsql SET search_path = ledger, pg_temp AS $$
DECLARE
  moment CONSTANT timestamptz := time_of_change(p_account, NULL);
  next_status CONSTANT text := CASE WHEN p_hold.captured + p_hold.released + p_amount = p_hold.amount THEN p_kind ELSE 'OPEN' END;
BEGIN
  UPDATE hold SET released = released + p_amount, status = next_status, ended_at = CASE WHEN next_status <> 'OPEN' THEN moment END
    WHERE id = p_hold.id;
  IF p_hold.spent_by IS NOT NULL THEN
    PERFORM return_spending(p_hold.id, p_amount);
  END IF;
  PERFORM move_held(p_account, p_hold, p_kind, -p_amount, next_status, moment);
  RETURN moment;
END $$;

-- Gives up p_amount of a hold, or all that is left (null): RELEASED, HOLD_CLOSED when it has ended, RELEASE_EXCEEDS_HOLD. A hold that
-- is past its expiry and not swept yet may still be released: either way the money is free.
CREATE FUNCTION release_any_hold(p_hold_id uuid, p_amount numeric DEFAULT NULL) RETURNS TABLE (verdict text, at timestamptz)
  LANGUAGE plpgsql SET search_path = ledger, pg_temp AS $$
#variable_conflict use_column
DECLARE
  found_hold hold;
  acc account;
  remaining numeric;
BEGIN
  IF p_amount <= 0 OR p_amount <> trunc(p_amount) THEN
    RAISE EXCEPTION 'what is released is of whole minor units' USING ERRCODE = 'DW003';
  END IF;
  found_hold := known_hold(p_hold_id);
  acc := lock_for_hold(found_hold.spent_by, found_hold.account_id);
  SELECT * INTO found_hold FROM hold WHERE id = p_hold_id;
  remaining := found_hold.amount - found_hold.captured - found_hold.released;
  IF found_hold.status <> 'OPEN' THEN
    RETURN QUERY SELECT 'HOLD_CLOSED', NULL::timestamptz;
  ELSIF p_amount > remaining THEN
    RETURN QUERY SELECT 'RELEASE_EXCEEDS_HOLD', NULL::timestamptz;
  ELSE
    RETURN QUERY SELECT 'RELEASED', free_held(acc, found_hold, coalesce(p_amount, remaining), 'RELEASED');
  END IF;
END $$;

CREATE FUNCTION release_hold(p_hold_id uuid, p_amount numeric DEFAULT NULL) RETURNS TABLE (verdict text, at timestamptz)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp
  SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
  PERFORM refuse_hold_of_pocket(p_hold_id);
  RETURN QUERY SELECT * FROM release_any_hold(p_hold_id, p_amount);
END $$;

-- Moves a hold's expiry (null: it never ends, as money must that has been sent): KEPT, HOLD_EXPIRED, HOLD_CLOSED. With p_must_be_active, for
-- money that is about to leave for the first time, also ACCOUNT_FROZEN and ACCOUNT_CLOSED. It takes the limits' locks as well, so that
-- the caller may release the hold in the same transaction.
CREATE FUNCTION keep_hold(p_hold_id uuid, p_until timestamptz DEFAULT NULL, p_must_be_active boolean DEFAULT false) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  found_hold hold := known_hold(p_hold_id);
  acc account;
BEGIN
  PERFORM refuse_hold_of_pocket(p_hold_id);
  acc := lock_for_hold(found_hold.spent_by, found_hold.account_id);
  SELECT * INTO found_hold FROM hold WHERE id = p_hold_id;
  IF has_expired(found_hold) THEN
    RETURN 'HOLD_EXPIRED';
  ELSIF found_hold.status <> 'OPEN' THEN
    RETURN 'HOLD_CLOSED';
  ELSIF p_must_be_active AND acc.status <> 'ACTIVE' THEN
    RETURN 'ACCOUNT_' || acc.status;
  END IF;
  UPDATE hold SET expires_at = p_until WHERE id = p_hold_id;
  RETURN 'KEPT';
END $$;

-- Ends up to p_limit holds that are past their expiry, the oldest first, and says how many. What another sweep, a capture or a release
-- was quicker with is left alone.
CREATE FUNCTION expire_holds(p_limit int) RETURNS int
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp
  SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
  begun CONSTANT timestamptz := clock_timestamp(); -- a constant, because no index is searched by a clock that runs
  due CONSTANT uuid[] := ARRAY(
    SELECT h.id FROM hold h WHERE h.status = 'OPEN' AND h.expires_at <= begun ORDER BY h.expires_at LIMIT p_limit);
  found_hold hold;
  acc account;
  expired int := 0;
BEGIN
  IF due = '{}' THEN
    RETURN 0;
  END IF;
  PERFORM FROM spending_limit WHERE scope = 'TOTAL' AND owner_id = ANY (ARRAY(SELECT DISTINCT h.spent_by FROM hold h WHERE h.id = ANY (due)))
    ORDER BY owner_id FOR NO KEY UPDATE;
  PERFORM FROM account WHERE id = ANY (ARRAY(SELECT DISTINCT h.account_id FROM hold h WHERE h.id = ANY (due)))
    ORDER BY id FOR NO KEY UPDATE;
  FOR found_hold IN SELECT * FROM hold h WHERE h.id = ANY (due) ORDER BY h.account_id, h.expires_at, h.id LOOP
    CONTINUE WHEN found_hold.status <> 'OPEN' OR NOT has_expired(found_hold);
    SELECT * INTO acc FROM account WHERE id = found_hold.account_id;
    PERFORM free_held(acc, found_hold, found_hold.amount - found_hold.captured - found_hold.released, 'EXPIRED');
    expired := expired + 1;
  END LOOP;
  RETURN expired;
END $$;

-- Posts an entry out of a hold: what leaves the hold's account by it is captured, leg by leg with one version each for posted and held.
-- Several captures share a hold; the final one frees what is left, in the version of its last leg. POSTED, HOLD_EXPIRED (also when no sweep
-- has come by), HOLD_CLOSED, CAPTURE_EXCEEDS_HOLD, or a verdict of ledger.post_batch about the other accounts; refused, nothing changes.
-- The entry counts nothing against limits: the hold has.
CREATE FUNCTION capture_hold(
  p_hold_id uuid, p_final boolean, p_entry_id uuid, p_kind text, p_transfer_id uuid, p_description text,
  p_leg_posting_id uuid[], p_leg_account_id uuid[], p_leg_currency text[], p_leg_amount numeric[], p_leg_line_type text[],
  p_leg_counterparty text[]
) RETURNS TABLE (verdict text, posted_at timestamptz)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp
  SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  found_hold hold := known_hold(p_hold_id);
  legs CONSTANT int := coalesce(array_length(p_leg_account_id, 1), 0);
  leg_held numeric[] := array_fill(0::numeric, ARRAY[legs]);
  total numeric := 0; -- what leaves by it
  rest numeric := 0; -- what a final capture leaves
  last_leg int;
  version_before bigint;
  posted record;
BEGIN
  PERFORM refuse_hold_of_pocket(p_hold_id);
  FOR k IN 1..legs LOOP
    CONTINUE WHEN p_leg_account_id[k] <> found_hold.account_id;
    IF p_leg_amount[k] > 0 THEN
      RAISE EXCEPTION 'a capture of hold % puts nothing onto its account', p_hold_id USING ERRCODE = 'DW003';
    END IF;
    leg_held[k] := p_leg_amount[k];
    total := total - p_leg_amount[k];
    last_leg := k;
  END LOOP;
  IF last_leg IS NULL THEN
    RAISE EXCEPTION 'a capture of hold % takes something from its account', p_hold_id USING ERRCODE = 'DW003';
  END IF;

  -- All locks at once and in their order, although only the hold's account is looked at here: taking the others later, in post_batch,
  -- could meet another capture that has begun with them.
  IF p_final AND found_hold.spent_by IS NOT NULL THEN
    PERFORM FROM spending_limit WHERE owner_id = found_hold.spent_by AND scope = 'TOTAL' FOR NO KEY UPDATE;
  END IF;
  PERFORM FROM account WHERE id = ANY (p_leg_account_id) AND owner_id IS NOT NULL ORDER BY id FOR NO KEY UPDATE;
  SELECT * INTO found_hold FROM hold WHERE id = p_hold_id;
  IF has_expired(found_hold) THEN
    RETURN QUERY SELECT 'HOLD_EXPIRED', NULL::timestamptz;
    RETURN;
  ELSIF found_hold.status <> 'OPEN' THEN
    RETURN QUERY SELECT 'HOLD_CLOSED', NULL::timestamptz;
    RETURN;
  END IF;
  rest := found_hold.amount - found_hold.captured - found_hold.released - total;
  IF rest < 0 THEN
    RETURN QUERY SELECT 'CAPTURE_EXCEEDS_HOLD', NULL::timestamptz;
    RETURN;
  END IF;
  IF p_final THEN
    leg_held[last_leg] := leg_held[last_leg] - rest;
  END IF;

  SELECT version INTO version_before FROM account WHERE id = found_hold.account_id;
  SELECT * INTO posted FROM post_batch_with_holds(
    ARRAY[p_entry_id], ARRAY[p_kind], ARRAY[p_transfer_id], ARRAY[p_description], ARRAY[true],
    array_fill(1, ARRAY[legs]), p_leg_posting_id, p_leg_account_id, p_leg_currency, p_leg_amount, p_leg_line_type, p_leg_counterparty,
    p_leg_held => leg_held);
  IF posted.verdict <> 'POSTED' THEN
    RETURN QUERY SELECT posted.verdict, NULL::timestamptz;
    RETURN;
  END IF;

  UPDATE hold SET captured = captured + total, released = released + CASE WHEN p_final THEN rest ELSE 0 END,
      status = CASE WHEN p_final OR rest = 0 THEN 'CAPTURED' ELSE 'OPEN' END,
      ended_at = CASE WHEN p_final OR rest = 0 THEN posted.posted_at END
    WHERE id = p_hold_id;
  INSERT INTO hold_change (hold_id, version, kind, amount, account_id, entry_id, posting_id, at)
    SELECT p_hold_id, version_before + row_number() OVER (ORDER BY k), 'CAPTURED', -p_leg_amount[k], found_hold.account_id, p_entry_id,
      p_leg_posting_id[k], posted.posted_at
    FROM generate_series(1, legs) AS k WHERE p_leg_account_id[k] = found_hold.account_id;
  IF p_final AND rest > 0 THEN
    INSERT INTO hold_change (hold_id, version, kind, amount, account_id, entry_id, at)
      SELECT p_hold_id, max(c.version), 'RELEASED', rest, found_hold.account_id, p_entry_id, posted.posted_at
      FROM hold_change c WHERE c.hold_id = p_hold_id;
    IF found_hold.spent_by IS NOT NULL THEN
      PERFORM return_spending(p_hold_id, rest);
    END IF;
  END IF;
  RETURN QUERY SELECT 'POSTED', posted.posted_at::timestamptz;
END $$;

GRANT EXECUTE ON FUNCTION place_hold, capture_hold, release_hold, increase_hold, keep_hold, expire_holds TO dwaybank_transfer, dwaybank_ledger;

-- What a limit in a currency counts, as before, and what holds have counted and not given back.
CREATE OR REPLACE FUNCTION spent_since(p_owner_id uuid, p_currency text, p_from timestamptz)
  RETURNS TABLE (amount numeric, at timestamptz)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  SELECT c.amount, c.at
  FROM account a
  JOIN balance_changes c ON c.account_id = a.id AND c.version > version_at(a.id, p_from - interval '1 millisecond')
  JOIN posting p ON p.id = c.posting_id AND p.amount < 0 AND p.line_type <> 'FEE'
  JOIN entry e ON e.id = p.entry_id AND e.spent_by = p_owner_id
  WHERE a.owner_id = p_owner_id AND a.currency = p_currency
  UNION ALL
  SELECT s.own_returned - s.own, s.at
  FROM hold_spending s WHERE s.owner_id = p_owner_id AND s.currency = p_currency AND s.at >= p_from
$$;
