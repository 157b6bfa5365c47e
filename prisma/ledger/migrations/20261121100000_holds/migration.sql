-- Holds: money of a customer that is promised and not posted yet. It still counts as posted and no longer as available. What is here
-- are the tables, the bank's own accounts per provider, and the gate that stops all posting; the functions are in the next migrations.

-- amount is what was asked for, increases included; captured has left by entries, released is free again, the rest is what the
-- account's `held` counts. Times are the database's. Written under the account's lock only.
CREATE TABLE hold (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  currency text NOT NULL,
  transfer_id uuid,
  spent_by uuid, -- whose spending limits it counts against; null: nobody's
  amount numeric(38, 0) NOT NULL CHECK (amount > 0),
  captured numeric(38, 0) NOT NULL DEFAULT 0 CHECK (captured >= 0),
  released numeric(38, 0) NOT NULL DEFAULT 0 CHECK (released >= 0),
  status text NOT NULL DEFAULT 'OPEN' CHECK (status IN ('OPEN', 'CAPTURED', 'RELEASED', 'EXPIRED')),
  placed_at timestamptz(3) NOT NULL,
  expires_at timestamptz(3), -- from this instant on nothing can be captured; null: never
  ended_at timestamptz(3),
  CONSTRAINT no_more_than_was_held CHECK (captured + released <= amount),
  CONSTRAINT open_while_something_is_left CHECK ((status = 'OPEN') = (captured + released < amount)),
  CONSTRAINT ended_unless_open CHECK ((status = 'OPEN') = (ended_at IS NULL))
) WITH (fillfactor = 50);

CREATE INDEX hold_open_of_account ON hold (account_id) WHERE status = 'OPEN';
CREATE INDEX hold_open_by_expiry ON hold (expires_at) WHERE status = 'OPEN';
CREATE INDEX hold_of_transfer ON hold (transfer_id) WHERE transfer_id IS NOT NULL;

-- Everything that has happened to a hold, with the version of the account that it led to. A capture has one row for each of its
-- legs on the hold's account; a final one a RELEASED row of the same version for what it left. With this the books prove `held` at every version.
CREATE TABLE hold_change (
  hold_id uuid NOT NULL,
  version bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('PLACED', 'INCREASED', 'CAPTURED', 'RELEASED', 'EXPIRED')),
  amount numeric(38, 0) NOT NULL CHECK (amount > 0),
  account_id uuid NOT NULL,
  entry_id uuid,
  posting_id uuid,
  at timestamptz(3) NOT NULL,
  PRIMARY KEY (hold_id, version, kind),
  CONSTRAINT captured_by_an_entry CHECK (
    CASE WHEN kind = 'CAPTURED' THEN entry_id IS NOT NULL AND posting_id IS NOT NULL ELSE posting_id IS NULL END)
);

CREATE INDEX hold_change_of_entry ON hold_change (entry_id) WHERE entry_id IS NOT NULL;

-- What a hold counts against spending limits: one part when it is placed, one for each increase, each on the day it was counted.
-- Of a part's `amount`, `returned` was released again, and in proportion to it (rounded down) usd_returned and own_returned were
-- given back: a capture keeps what was counted for it.
CREATE TABLE hold_spending (
  hold_id uuid NOT NULL,
  part smallint NOT NULL,
  owner_id uuid NOT NULL,
  currency text NOT NULL,
  amount numeric(38, 0) NOT NULL CHECK (amount > 0),
  returned numeric(38, 0) NOT NULL DEFAULT 0 CHECK (returned BETWEEN 0 AND amount),
  usd numeric(38, 0) NOT NULL CHECK (usd >= 0), -- US cents, of the total
  usd_returned numeric(38, 0) NOT NULL DEFAULT 0 CHECK (usd_returned BETWEEN 0 AND usd),
  own numeric(38, 0) NOT NULL CHECK (own >= 0), -- minor units, of a limit in the hold's currency
  own_returned numeric(38, 0) NOT NULL DEFAULT 0 CHECK (own_returned BETWEEN 0 AND own),
  at timestamptz(3) NOT NULL,
  PRIMARY KEY (hold_id, part)
);

CREATE INDEX hold_spending_of_owner ON hold_spending (owner_id, currency, at);

CREATE TRIGGER hold_keeps_identity BEFORE UPDATE OF id, account_id, owner_id, currency, transfer_id, spent_by, placed_at ON hold
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER hold_that_ended_stays BEFORE UPDATE ON hold
  FOR EACH ROW WHEN (old.status <> 'OPEN') EXECUTE FUNCTION refuse_change();
CREATE TRIGGER hold_is_never_removed BEFORE DELETE OR TRUNCATE ON hold
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER hold_change_is_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON hold_change
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER hold_spending_keeps_identity BEFORE UPDATE OF hold_id, part, owner_id, currency, amount, usd, own, at ON hold_spending
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER hold_spending_is_never_removed BEFORE DELETE OR TRUNCATE ON hold_spending
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

GRANT SELECT ON hold, hold_change, hold_spending TO dwaybank_ledger, dwaybank_transfer, dwaybank_wallet;

-- The bank's own accounts per provider: what Stripe owes the bank is another sum than what a bank rail does. '' is the bank's own, as
-- before. RECEIVABLE is what customers owe the bank after a reversal of money that they had already spent; PROVIDER_COST what providers take for
-- themselves; OWN_FUNDS what the bank itself has put into its settlement accounts.
ALTER TABLE account ADD COLUMN provider text NOT NULL DEFAULT '',
  DROP CONSTRAINT kind_fits_owner,
  ADD CONSTRAINT kind_fits_owner CHECK (
    CASE WHEN owner_id IS NULL THEN kind IN ('SETTLEMENT', 'FEE', 'FX', 'FX_ROUNDING', 'SUSPENSE', 'RECEIVABLE', 'PROVIDER_COST', 'OWN_FUNDS')
    ELSE kind IN ('PERSONAL', 'SAVINGS', 'BUSINESS', 'JOINT') END
  ),
  ADD CONSTRAINT provider_is_of_the_banks_own CHECK (owner_id IS NULL OR provider = '');

DROP INDEX system_account_once;
CREATE UNIQUE INDEX system_account_once ON account (kind, currency, provider) WHERE owner_id IS NULL;

DROP TRIGGER account_keeps_identity ON account;
CREATE TRIGGER account_keeps_identity BEFORE UPDATE OF id, owner_id, currency, kind, provider, opened_at ON account
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

DROP FUNCTION system_account(text, text);

-- The bank's own account of a kind in a currency with a provider, made on first use.
CREATE FUNCTION system_account(p_kind text, p_currency text, p_provider text DEFAULT '') RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  found_id uuid;
  opened timestamptz := date_trunc('milliseconds', clock_timestamp());
BEGIN
  SELECT id INTO found_id FROM account
    WHERE kind = p_kind AND currency = p_currency AND provider = p_provider AND owner_id IS NULL;
  IF found_id IS NOT NULL THEN
    RETURN found_id;
  END IF;
  IF NOT EXISTS (SELECT FROM currency WHERE code = p_currency) THEN
    RAISE EXCEPTION 'UNSUPPORTED_CURRENCY' USING ERRCODE = 'DW001';
  END IF;
  -- Two first uses at once: the second waits for the first here and then finds its row.
  INSERT INTO account (id, currency, kind, provider, changed_at, opened_at)
    VALUES (gen_random_uuid(), p_currency, p_kind, p_provider, opened, opened)
    ON CONFLICT (kind, currency, provider) WHERE owner_id IS NULL DO NOTHING;
  SELECT id INTO found_id FROM account
    WHERE kind = p_kind AND currency = p_currency AND provider = p_provider AND owner_id IS NULL;
  RETURN found_id;
END $$;

GRANT EXECUTE ON FUNCTION system_account TO dwaybank_transfer, dwaybank_ledger;

-- While stopped_at is set nothing new is decided: postings and holds raise DW010. What was promised before may still be kept
-- (captured) or given up (released, expired).
CREATE TABLE posting_gate (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  stopped_at timestamptz(3),
  reason text,
  CONSTRAINT stopped_for_a_reason CHECK ((stopped_at IS NULL) = (reason IS NULL))
);
INSERT INTO posting_gate DEFAULT VALUES;
CREATE TRIGGER posting_gate_is_never_removed BEFORE DELETE OR TRUNCATE ON posting_gate
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

GRANT SELECT ON posting_gate TO dwaybank_ledger, dwaybank_transfer, dwaybank_wallet;

-- Says whether it was this call that stopped it: who comes second changes neither time nor reason. A posting that was decided
-- a moment before may still be committed after.
CREATE FUNCTION stop_posting(p_reason text) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
BEGIN
  UPDATE posting_gate SET stopped_at = date_trunc('milliseconds', clock_timestamp()), reason = p_reason WHERE stopped_at IS NULL;
  RETURN FOUND;
END $$;

CREATE FUNCTION resume_posting() RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
BEGIN
  UPDATE posting_gate SET stopped_at = NULL, reason = NULL WHERE stopped_at IS NOT NULL;
  RETURN FOUND;
END $$;

CREATE FUNCTION refuse_while_stopped() RETURNS void
  LANGUAGE plpgsql SET search_path = ledger, pg_temp AS $$
DECLARE
  why text;
BEGIN
  SELECT reason INTO why FROM posting_gate WHERE one AND stopped_at IS NOT NULL;
  IF why IS NOT NULL THEN
    RAISE EXCEPTION 'posting is stopped: %', why USING ERRCODE = 'DW010';
  END IF;
END $$;

GRANT EXECUTE ON FUNCTION stop_posting, resume_posting TO dwaybank_transfer, dwaybank_ledger;
