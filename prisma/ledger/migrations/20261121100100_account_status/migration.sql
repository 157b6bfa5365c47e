-- What may be done with an account: frozen, used again, closed for good; how far it may be overdrawn; and money of it that its
-- owner has set aside (pockets). All of it is decided under the lock of the account's row, which postings and holds take too, so that
-- there is always one answer to what came first. Each change is one version of the account: live streams and balances of the past
-- see it in its place.

-- Who changed an account's status, and why: the newest row is the one that holds. An account is named by no row before its first change.
CREATE TABLE account_status_change (
  account_id uuid NOT NULL,
  version bigint NOT NULL, -- of the account, that the change made
  status text NOT NULL CHECK (status IN ('ACTIVE', 'FROZEN', 'CLOSED')),
  changed_by uuid NOT NULL,
  by_staff boolean NOT NULL,
  reason text,
  at timestamptz(3) NOT NULL,
  PRIMARY KEY (account_id, version)
);

CREATE TRIGGER account_status_change_is_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON account_status_change
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Money set aside on an account: what the open hold `hold_id` holds, and nothing while that is null. A pocket that was closed is
-- never opened again.
CREATE TABLE pocket (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL,
  hold_id uuid UNIQUE,
  opened_at timestamptz(3) NOT NULL,
  closed_at timestamptz(3),
  CONSTRAINT closed_pocket_is_empty CHECK (closed_at IS NULL OR hold_id IS NULL)
);
CREATE INDEX pocket_of_account ON pocket (account_id, id);

CREATE TRIGGER pocket_keeps_identity BEFORE UPDATE OF id, account_id, opened_at ON pocket
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER pocket_is_never_removed BEFORE DELETE OR TRUNCATE ON pocket
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Money on its way to an account that is not in the books yet: a card is being charged for it, or a person must look first. A row lasts as long
-- as that. What is expected is no part of any balance; but an account that expects money is not closed.
CREATE TABLE expected_money (
  transfer_id uuid PRIMARY KEY,
  account_id uuid NOT NULL,
  expected_at timestamptz(3) NOT NULL
);
CREATE INDEX expected_money_of_account ON expected_money (account_id);

GRANT SELECT ON account_status_change, pocket, expected_money TO dwaybank_ledger, dwaybank_wallet, dwaybank_transfer;

-- A transfer will bring money to an account: EXPECTED | UNKNOWN_ACCOUNT | ACCOUNT_FROZEN | ACCOUNT_CLOSED. Saying it again is fine. p_promised: it
-- was promised before, whatever the account has become since. The lock is the weakest there is: it meets no posting and no hold, so that it
-- can be taken before other accounts are locked, but the closing of the account (set_account_status). Of the two one is first and the other sees it.
CREATE FUNCTION expect_money(p_transfer_id uuid, p_account_id uuid, p_promised boolean DEFAULT false) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  found_status text;
BEGIN
  SELECT a.status INTO found_status FROM account a WHERE a.id = p_account_id AND a.owner_id IS NOT NULL FOR KEY SHARE;
  IF NOT FOUND THEN
    RETURN 'UNKNOWN_ACCOUNT';
  ELSIF found_status <> 'ACTIVE' AND NOT p_promised THEN
    RETURN 'ACCOUNT_' || found_status;
  END IF;
  INSERT INTO expected_money (transfer_id, account_id, expected_at)
    VALUES (p_transfer_id, p_account_id, clock_timestamp()) ON CONFLICT DO NOTHING;
  RETURN 'EXPECTED';
END $$;

-- It has come, or never will: in the transaction that ends the transfer. For one that was not expected it does nothing.
CREATE FUNCTION expect_no_more(p_transfer_id uuid) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  DELETE FROM expected_money WHERE transfer_id = p_transfer_id
$$;

GRANT EXECUTE ON FUNCTION expect_money, expect_no_more TO dwaybank_transfer, dwaybank_ledger;
-- For its migration, which tells what was under way before there was such a table.
GRANT USAGE ON SCHEMA ledger TO dwaybank_transfer_owner;
GRANT EXECUTE ON FUNCTION expect_money TO dwaybank_transfer_owner;

-- Writes the version that a change of a locked account has made, and returns it as events carry it (platform/events.ts,
-- BalanceChange). For the functions below only: no role may call it.
CREATE FUNCTION record_version(p_account_id uuid) RETURNS jsonb
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  a account;
BEGIN
  SELECT * INTO STRICT a FROM account WHERE id = p_account_id;
  INSERT INTO balance_changes (account_id, version, posted, held, overdraft, posting_id, amount, at)
    VALUES (a.id, a.version, a.posted, a.held, a.overdraft, NULL, 0, a.changed_at);
  RETURN jsonb_build_object(
    'accountId', a.id, 'ownerId', a.owner_id, 'currency', a.currency, 'version', a.version,
    'posted', a.posted::text, 'held', a.held::text, 'overdraft', a.overdraft::text,
    'at', to_char(a.changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'postingId', NULL, 'amountMinor', '0', 'lineType', NULL, 'counterparty', NULL, 'description', NULL);
END $$;

-- Freezes an account, makes it usable again, or closes it. Whose account it is, and who may do what to whose, is for the caller to have
-- decided; here stands what depends on the state of the account:
--   CHANGED | UNCHANGED (it is so already) | UNKNOWN_ACCOUNT
--   ACCOUNT_CLOSED     closed is for good
--   ACCOUNT_FROZEN     a frozen account cannot be closed
--   FROZEN_BY_BANK     what staff has frozen can be used again with p_lifts_staff_freeze alone, and its owner cannot take it over by
--                      freezing it too
--   ACCOUNT_NOT_EMPTY  there is money on it, or held: of a payment under way, or in a pocket
--   ACCOUNT_EXPECTS_MONEY  nothing is on it, but money is on its way to it (expect_money)
-- A freeze that nobody is on record for is taken for the bank's. Nobody needs an overdraft of a closed account: it ends with it.
CREATE FUNCTION set_account_status(p_account_id uuid, p_status text, p_by uuid, p_by_staff boolean, p_reason text,
    p_lifts_staff_freeze boolean DEFAULT false)
  RETURNS TABLE (verdict text, at timestamptz)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  a account;
  frozen_by_staff boolean;
  now_at timestamptz;
BEGIN
  IF p_status = 'CLOSED' THEN
    -- Stronger than what postings take: it also waits for whoever says at this moment that money will come.
    PERFORM FROM account WHERE id = p_account_id AND owner_id IS NOT NULL FOR UPDATE;
  END IF;
  SELECT * INTO a FROM account WHERE id = p_account_id AND owner_id IS NOT NULL FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'UNKNOWN_ACCOUNT', NULL::timestamptz;
    RETURN;
  END IF;
  SELECT c.by_staff INTO frozen_by_staff FROM account_status_change c
    WHERE c.account_id = a.id ORDER BY c.version DESC LIMIT 1;
  frozen_by_staff := a.status = 'FROZEN' AND coalesce(frozen_by_staff, true);
  verdict := CASE
    WHEN a.status = 'CLOSED' AND p_status <> 'CLOSED' THEN 'ACCOUNT_CLOSED'
    -- Staff takes over what the owner has frozen: from then on the owner cannot lift it.
    WHEN a.status = p_status AND NOT (p_status = 'FROZEN' AND p_by_staff AND NOT frozen_by_staff) THEN 'UNCHANGED'
    WHEN a.status = 'FROZEN' AND p_status = 'CLOSED' THEN 'ACCOUNT_FROZEN'
    WHEN frozen_by_staff AND NOT p_lifts_staff_freeze THEN 'FROZEN_BY_BANK'
    WHEN p_status = 'CLOSED' AND (a.posted <> 0 OR a.held <> 0) THEN 'ACCOUNT_NOT_EMPTY'
    WHEN p_status = 'CLOSED' AND EXISTS (SELECT FROM expected_money e WHERE e.account_id = a.id) THEN 'ACCOUNT_EXPECTS_MONEY'
    ELSE 'CHANGED'
  END;
  IF verdict <> 'CHANGED' THEN
    RETURN QUERY SELECT verdict, a.changed_at::timestamptz;
    RETURN;
  END IF;
  now_at := greatest(a.changed_at, date_trunc('milliseconds', clock_timestamp()));
  UPDATE account SET status = p_status, overdraft = CASE p_status WHEN 'CLOSED' THEN 0 ELSE a.overdraft END,
      version = a.version + 1, changed_at = now_at
    WHERE id = a.id;
  INSERT INTO account_status_change (account_id, version, status, changed_by, by_staff, reason, at)
    VALUES (a.id, a.version + 1, p_status, p_by, p_by_staff, p_reason, now_at);
  PERFORM platform.append_events(ARRAY['AccountStatusChanged'], ARRAY[a.id::text], ARRAY[jsonb_build_object(
    'accountId', a.id, 'ownerId', a.owner_id, 'status', p_status,
    'at', to_char(now_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'changes', jsonb_build_array(record_version(a.id)))]);
  RETURN QUERY SELECT 'CHANGED', now_at;
END $$;

-- Agrees on how far an account may be overdrawn, in minor units. OVERDRAFT_IN_USE when more than that is in use already, holds
-- included: the account would have less than nothing.
CREATE FUNCTION set_overdraft(p_account_id uuid, p_amount numeric, p_by uuid) RETURNS TABLE (verdict text, at timestamptz)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  a account;
  now_at timestamptz;
BEGIN
  IF p_amount IS NULL OR p_amount < 0 OR p_amount <> trunc(p_amount) THEN
    RAISE EXCEPTION 'an overdraft is a whole amount and not below zero' USING ERRCODE = 'DW003';
  END IF;
  SELECT * INTO a FROM account WHERE id = p_account_id AND owner_id IS NOT NULL FOR NO KEY UPDATE;
  verdict := CASE
    WHEN a.id IS NULL THEN 'UNKNOWN_ACCOUNT'
    WHEN a.status = 'CLOSED' THEN 'ACCOUNT_CLOSED'
    WHEN a.overdraft = p_amount THEN 'UNCHANGED'
    WHEN a.posted - a.held + p_amount < 0 THEN 'OVERDRAFT_IN_USE'
    ELSE 'CHANGED'
  END;
  IF verdict <> 'CHANGED' THEN
    RETURN QUERY SELECT verdict, a.changed_at::timestamptz;
    RETURN;
  END IF;
  now_at := greatest(a.changed_at, date_trunc('milliseconds', clock_timestamp()));
  UPDATE account SET overdraft = p_amount, version = a.version + 1, changed_at = now_at WHERE id = a.id;
  PERFORM platform.append_events(ARRAY['OverdraftChanged'], ARRAY[a.id::text], ARRAY[jsonb_build_object(
    'accountId', a.id, 'ownerId', a.owner_id, 'changedBy', p_by, 'changes', jsonb_build_array(record_version(a.id)))]);
  RETURN QUERY SELECT 'CHANGED', now_at;
END $$;

-- Adds an empty pocket to an account: OPENED | UNKNOWN_ACCOUNT | ACCOUNT_FROZEN | ACCOUNT_CLOSED | TOO_MANY_POCKETS (open ones).
CREATE FUNCTION open_pocket(p_pocket_id uuid, p_account_id uuid, p_most int) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  a account;
BEGIN
  SELECT * INTO a FROM account WHERE id = p_account_id AND owner_id IS NOT NULL FOR NO KEY UPDATE;
  IF a.id IS NULL THEN
    RETURN 'UNKNOWN_ACCOUNT';
  ELSIF a.status <> 'ACTIVE' THEN
    RETURN 'ACCOUNT_' || a.status;
  ELSIF (SELECT count(*) FROM pocket WHERE account_id = a.id AND closed_at IS NULL) >= p_most THEN
    RETURN 'TOO_MANY_POCKETS';
  END IF;
  INSERT INTO pocket (id, account_id, opened_at)
    VALUES (p_pocket_id, a.id, date_trunc('milliseconds', clock_timestamp()));
  RETURN 'OPENED';
END $$;

-- Moves money into a pocket (p_amount above zero) or makes it available again (below zero). p_hold_id is a fresh id, for a pocket that
-- was empty. Only an account's own money is set aside: what is available by overdraft alone is not.
--   MOVED | UNKNOWN_POCKET | POCKET_CLOSED | ACCOUNT_FROZEN | ACCOUNT_CLOSED | INSUFFICIENT_FUNDS | POCKET_INSUFFICIENT
CREATE FUNCTION move_pocket(p_pocket_id uuid, p_amount numeric, p_hold_id uuid) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  a account;
  p pocket;
  inside numeric;
  said text;
BEGIN
  IF p_amount IS NULL OR p_amount = 0 OR p_amount <> trunc(p_amount) THEN
    RAISE EXCEPTION 'a whole amount that is not zero is moved' USING ERRCODE = 'DW003';
  END IF;
  -- The account's lock first, as postings and holds take it; the pocket is read after it was had.
  SELECT * INTO a FROM account WHERE id = (SELECT account_id FROM pocket WHERE id = p_pocket_id) FOR NO KEY UPDATE;
  SELECT * INTO p FROM pocket WHERE id = p_pocket_id;
  IF p.id IS NULL THEN
    RETURN 'UNKNOWN_POCKET';
  ELSIF p.closed_at IS NOT NULL THEN
    RETURN 'POCKET_CLOSED';
  ELSIF a.status <> 'ACTIVE' THEN
    RETURN 'ACCOUNT_' || a.status;
  END IF;
  IF p_amount > 0 THEN
    IF a.posted - a.held < p_amount THEN
      RETURN 'INSUFFICIENT_FUNDS';
    ELSIF p.hold_id IS NULL THEN
      SELECT h.verdict INTO STRICT said
        FROM place_hold(p_hold_id, a.id, p_amount, a.currency, NULL, NULL, NULL, NULL, NULL, NULL, NULL) h;
      UPDATE pocket SET hold_id = p_hold_id WHERE id = p.id;
    ELSE
      SELECT h.verdict INTO STRICT said FROM increase_any_hold(p.hold_id, p_amount, NULL, NULL, NULL, NULL) h;
    END IF;
    IF said NOT IN ('HELD', 'INCREASED') THEN
      RAISE EXCEPTION 'the hold of pocket % answers %', p.id, said;
    END IF;
    RETURN 'MOVED';
  END IF;
  SELECT h.amount - h.captured - h.released INTO inside FROM hold h WHERE h.id = p.hold_id;
  IF coalesce(inside, 0) + p_amount < 0 THEN
    RETURN 'POCKET_INSUFFICIENT';
  END IF;
  PERFORM release_pocket(p.id, p.hold_id, -p_amount, inside = -p_amount);
  RETURN 'MOVED';
END $$;

-- For the functions beside it only: no role may call it.
CREATE FUNCTION release_pocket(p_pocket_id uuid, p_hold_id uuid, p_amount numeric, p_all boolean) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  said text;
BEGIN
  SELECT h.verdict INTO STRICT said FROM release_any_hold(p_hold_id, p_amount) h;
  IF said <> 'RELEASED' THEN
    RAISE EXCEPTION 'the hold of pocket % answers %', p_pocket_id, said;
  END IF;
  -- A hold of which nothing is left is over; the next money gets another.
  IF p_all THEN
    UPDATE pocket SET hold_id = NULL WHERE id = p_pocket_id;
  END IF;
END $$;

-- Ends a pocket and makes what it holds available again:
--   CLOSED | UNCHANGED (it was closed before) | UNKNOWN_POCKET | ACCOUNT_FROZEN
CREATE FUNCTION close_pocket(p_pocket_id uuid) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  a account;
  p pocket;
BEGIN
  SELECT * INTO a FROM account WHERE id = (SELECT account_id FROM pocket WHERE id = p_pocket_id) FOR NO KEY UPDATE;
  SELECT * INTO p FROM pocket WHERE id = p_pocket_id;
  IF p.id IS NULL THEN
    RETURN 'UNKNOWN_POCKET';
  ELSIF p.closed_at IS NOT NULL THEN
    RETURN 'UNCHANGED';
  ELSIF a.status = 'FROZEN' THEN
    RETURN 'ACCOUNT_FROZEN';
  ELSIF p.hold_id IS NOT NULL THEN
    PERFORM release_pocket(p.id, p.hold_id, NULL, true);
  END IF;
  UPDATE pocket SET closed_at = date_trunc('milliseconds', clock_timestamp()) WHERE id = p.id;
  RETURN 'CLOSED';
END $$;

GRANT EXECUTE ON FUNCTION set_account_status, set_overdraft, open_pocket, move_pocket, close_pocket TO dwaybank_wallet, dwaybank_ledger;
