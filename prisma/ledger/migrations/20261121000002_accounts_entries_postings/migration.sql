-- The books. An entry is one event in them; its postings move amounts between accounts and sum to zero per currency. Only
-- the functions of the next migrations write here: no role has INSERT, UPDATE or DELETE.
--
-- There are no foreign keys between entry, posting and balance_changes, and none from posting to account: they are written
-- by one function that has just read the rows in question, each check would lock and look up once more per row on the
-- hottest path there is, and `npm run ledger:check` proves the same for all rows.

-- A customer's account, or (owner_id null) one of the bank's own. posted, held and version of a customer's account are the
-- running balance; they move under the row's lock. System accounts have postings only: without a running balance there is
-- no row that every transfer would wait for.
CREATE TABLE account (
  id uuid PRIMARY KEY,
  owner_id uuid,
  currency text NOT NULL REFERENCES currency,
  kind text NOT NULL,
  status text NOT NULL DEFAULT 'ACTIVE' CHECK (status IN ('ACTIVE', 'FROZEN', 'CLOSED')),
  posted numeric(38, 0) NOT NULL DEFAULT 0,
  held numeric(38, 0) NOT NULL DEFAULT 0 CHECK (held >= 0),
  overdraft numeric(38, 0) NOT NULL DEFAULT 0 CHECK (overdraft >= 0),
  version bigint NOT NULL DEFAULT 0,
  changed_at timestamptz(3) NOT NULL,
  opened_at timestamptz(3) NOT NULL,
  CONSTRAINT kind_fits_owner CHECK (
    CASE WHEN owner_id IS NULL THEN kind IN ('SETTLEMENT', 'FEE', 'FX', 'FX_ROUNDING', 'SUSPENSE')
    ELSE kind IN ('PERSONAL', 'SAVINGS', 'BUSINESS', 'JOINT') END
  ),
  CONSTRAINT customer_is_never_negative CHECK (owner_id IS NULL OR posted - held + overdraft >= 0),
  CONSTRAINT system_account_has_no_running_balance CHECK (owner_id IS NOT NULL OR (posted = 0 AND held = 0 AND version = 0))
) WITH (fillfactor = 50); -- room beside each row for its next version: updates touch no index

CREATE INDEX account_of_owner ON account (owner_id, id) WHERE owner_id IS NOT NULL;
CREATE UNIQUE INDEX system_account_once ON account (kind, currency) WHERE owner_id IS NULL;

CREATE TRIGGER account_keeps_identity BEFORE UPDATE OF id, owner_id, currency, kind, opened_at ON account
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER account_is_never_removed BEFORE DELETE OR TRUNCATE ON account
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Ids are UUIDv7: the primary keys grow at their right end, and both tables can be partitioned by time through the id alone.
-- spent_by and spent_usd say what the entry counted against a customer's spending limits, in US cents; null for both: nothing.
CREATE TABLE entry (
  id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (kind ~ '^[A-Z_]+$'),
  transfer_id uuid,
  description text,
  at timestamptz(3) NOT NULL,
  spent_by uuid,
  spent_usd numeric(38, 0) CHECK (spent_usd >= 0),
  CONSTRAINT spending_is_somebodys CHECK ((spent_by IS NULL) = (spent_usd IS NULL))
);

-- amount is signed: plus comes onto the account, minus leaves it. line_type is what a customer reads on the statement.
CREATE TABLE posting (
  id uuid PRIMARY KEY,
  entry_id uuid NOT NULL,
  account_id uuid NOT NULL,
  currency text NOT NULL,
  amount numeric(38, 0) NOT NULL CHECK (amount <> 0),
  line_type text NOT NULL CHECK (
    line_type IN ('DEPOSIT', 'WITHDRAWAL', 'TRANSFER_IN', 'TRANSFER_OUT', 'EXCHANGE', 'FEE', 'REVERSAL', 'INTEREST')
  ),
  counterparty text,
  at timestamptz(3) NOT NULL
);

-- One row per change of a customer account's posted, held or overdraft, with the balance it led to: version 1, 2, 3 …
-- without a gap and `at` never falling. posting_id is null (and amount 0) when a hold or the overdraft changed. Statement
-- lines, balances of the past and resumed live streams are read from here. The key begins with what it would be
-- partitioned by.
CREATE TABLE balance_changes (
  account_id uuid NOT NULL,
  version bigint NOT NULL,
  posted numeric(38, 0) NOT NULL,
  held numeric(38, 0) NOT NULL,
  overdraft numeric(38, 0) NOT NULL,
  posting_id uuid,
  amount numeric(38, 0) NOT NULL,
  at timestamptz(3) NOT NULL,
  PRIMARY KEY (account_id, version)
);

-- What may leave a customer in a UTC day and month, and what has left in the newest such day and month. Scope 'TOTAL' counts all
-- accounts together in US cents, and every customer with an account has that row; any other scope is a currency, counted in
-- its own minor units, for customers who have set a limit for it. daily and monthly are the customer's own (null: none set);
-- the bank's come with each posting. The rows of a customer are read and written under the lock of the TOTAL row.
CREATE TABLE spending_limit (
  owner_id uuid NOT NULL,
  scope text COLLATE "C" NOT NULL,
  daily numeric(38, 0) CHECK (daily >= 0),
  monthly numeric(38, 0) CHECK (monthly >= 0),
  day date NOT NULL DEFAULT '1970-01-01',
  day_spent numeric(38, 0) NOT NULL DEFAULT 0 CHECK (day_spent >= 0),
  month date NOT NULL DEFAULT '1970-01-01', -- its first day
  month_spent numeric(38, 0) NOT NULL DEFAULT 0 CHECK (month_spent >= 0),
  PRIMARY KEY (owner_id, scope)
) WITH (fillfactor = 50); -- as account: updates touch no index

CREATE TRIGGER entry_is_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON entry
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER posting_is_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON posting
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER balance_change_is_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON balance_changes
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

GRANT SELECT ON account, entry, posting, balance_changes TO dwaybank_ledger, dwaybank_wallet, dwaybank_transfer;
GRANT SELECT ON spending_limit TO dwaybank_ledger, dwaybank_transfer;

-- Opens a customer's account at zero, with the first one the counters of what the customer spends. The AccountOpened event is part of the same transaction.
CREATE FUNCTION open_account(p_id uuid, p_owner_id uuid, p_currency text, p_kind text) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  opened timestamptz := date_trunc('milliseconds', clock_timestamp());
BEGIN
  IF p_owner_id IS NULL THEN
    RAISE EXCEPTION 'a customer account needs an owner';
  END IF;
  IF NOT EXISTS (SELECT FROM currency WHERE code = p_currency) THEN
    RAISE EXCEPTION 'UNSUPPORTED_CURRENCY' USING ERRCODE = 'DW001';
  END IF;
  INSERT INTO account (id, owner_id, currency, kind, changed_at, opened_at)
    VALUES (p_id, p_owner_id, p_currency, p_kind, opened, opened);
  INSERT INTO spending_limit (owner_id, scope) VALUES (p_owner_id, 'TOTAL') ON CONFLICT DO NOTHING;
  PERFORM platform.append_events(ARRAY['AccountOpened'], ARRAY[p_id::text], ARRAY[jsonb_build_object(
    'accountId', p_id, 'ownerId', p_owner_id, 'currency', p_currency, 'kind', p_kind,
    'at', to_char(opened AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))]);
END $$;

-- The bank's own account of a kind in a currency, made on first use.
CREATE FUNCTION system_account(p_kind text, p_currency text) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  found_id uuid;
  opened timestamptz := date_trunc('milliseconds', clock_timestamp());
BEGIN
  SELECT id INTO found_id FROM account WHERE kind = p_kind AND currency = p_currency AND owner_id IS NULL;
  IF found_id IS NOT NULL THEN
    RETURN found_id;
  END IF;
  IF NOT EXISTS (SELECT FROM currency WHERE code = p_currency) THEN
    RAISE EXCEPTION 'UNSUPPORTED_CURRENCY' USING ERRCODE = 'DW001';
  END IF;
  -- Two first uses at once: the second waits for the first here and then finds its row.
  INSERT INTO account (id, currency, kind, changed_at, opened_at)
    VALUES (gen_random_uuid(), p_currency, p_kind, opened, opened)
    ON CONFLICT (kind, currency) WHERE owner_id IS NULL DO NOTHING;
  SELECT id INTO found_id FROM account WHERE kind = p_kind AND currency = p_currency AND owner_id IS NULL;
  RETURN found_id;
END $$;

-- Where money for a customer goes when only the customer is named: the oldest ACTIVE PERSONAL account in the currency, if any.
CREATE FUNCTION receiving_account(p_owner_id uuid, p_currency text) RETURNS uuid
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  SELECT id FROM account
  WHERE owner_id = p_owner_id AND currency = p_currency AND kind = 'PERSONAL' AND status = 'ACTIVE' ORDER BY id LIMIT 1
$$;

GRANT EXECUTE ON FUNCTION open_account TO dwaybank_wallet;
GRANT EXECUTE ON FUNCTION receiving_account TO dwaybank_transfer, dwaybank_ledger;
GRANT EXECUTE ON FUNCTION system_account TO dwaybank_transfer, dwaybank_ledger;
