-- What a transfer costs, line by line: [{"tier", "rule", "basis", "amountMinor"}], written by subgraphs/transfer/quotes/fees.ts. Their sum is `fees`.
ALTER TABLE transfer ADD COLUMN fee_lines jsonb NOT NULL DEFAULT '[]';

-- The terms that a customer was quoted. They hold until expires_at, by this database's clock, and for one transfer.
CREATE TABLE quote (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL,
  -- What it is for, so that a transfer of something else is told what differs: salted hashes of source, destination and preference
  -- (an email or an IBAN is nobody's to read here), and the amount.
  source_hash bytea NOT NULL,
  destination_hash bytea NOT NULL,
  type text NOT NULL CHECK (type IN ('DEPOSIT', 'WITHDRAWAL', 'INTERNAL', 'EXTERNAL', 'EXCHANGE')),
  amount numeric(38, 0) NOT NULL CHECK (amount > 0),
  currency text NOT NULL,
  preference text NOT NULL CHECK (preference IN ('BALANCED', 'CHEAP', 'FAST')),
  fees numeric(38, 0) NOT NULL CHECK (fees >= 0),
  fee_lines jsonb NOT NULL,
  destination_amount numeric(38, 0) NOT NULL CHECK (destination_amount > 0),
  destination_currency text NOT NULL,
  exchange jsonb, -- of an EXCHANGE: {"rate", "rateDate", "midRate", "spreadBasisPoints", "arrivesMinor", "worthMinor", "earnedMinor", "residueMinor"}
  provider text, -- who was recommended to carry it
  options jsonb NOT NULL, -- every provider that could: [{"provider", "preference", "feesMinor", "usualSeconds", "health", "cost", "speed", "score"}], best first
  cheaper jsonb, -- one such option that costs less
  created_at timestamptz(3) NOT NULL,
  expires_at timestamptz(3) NOT NULL,
  used_by uuid UNIQUE, -- the transfer that was made at it
  CONSTRAINT exchange_has_its_terms CHECK ((type = 'EXCHANGE') = (exchange IS NOT NULL))
);

-- Those that nobody used are forgotten, oldest first.
CREATE INDEX quote_unused ON quote (expires_at) WHERE used_by IS NULL;

-- Whether a quote may be used at a moment, by a customer, for a transfer: null, or why not. Pure. It holds for the whole of its last millisecond,
-- which is as finely as its end is told.
CREATE FUNCTION quote_verdict(q quote, p_user_id uuid, p_transfer_id uuid, p_at timestamptz) RETURNS text
  LANGUAGE sql STABLE AS $$
    SELECT CASE
      WHEN q.id IS NULL OR q.user_id <> p_user_id THEN 'UNKNOWN_QUOTE'
      WHEN q.used_by = p_transfer_id THEN NULL
      WHEN q.used_by IS NOT NULL THEN 'QUOTE_ALREADY_USED'
      WHEN date_trunc('milliseconds', p_at, 'UTC') > q.expires_at THEN 'QUOTE_EXPIRED'
    END
  $$;

-- Uses a quote for a transfer: null when it is used for it now (or was before), else why not. The row stays locked until the transaction ends, and
-- the clock is read under that lock: who had to wait may come too late. Called after the idempotency key is claimed and before the ledger;
-- where the ledger then says no and that is committed, give_back_quote belongs into the same transaction.
CREATE FUNCTION use_quote(p_quote_id uuid, p_user_id uuid, p_transfer_id uuid) RETURNS text
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  found_quote quote;
  verdict text;
BEGIN
  SELECT * INTO found_quote FROM quote WHERE id = p_quote_id FOR NO KEY UPDATE;
  verdict := quote_verdict(found_quote, p_user_id, p_transfer_id, clock_timestamp());
  IF verdict IS NULL THEN
    UPDATE quote SET used_by = p_transfer_id WHERE id = p_quote_id;
  END IF;
  RETURN verdict;
END $$;

-- Takes back what use_quote did earlier in this transaction: a transfer that was refused has used up no quote.
CREATE FUNCTION give_back_quote(p_quote_id uuid, p_transfer_id uuid) RETURNS void
  LANGUAGE sql SET search_path = transfer, pg_temp AS $$
    UPDATE quote SET used_by = NULL WHERE id = p_quote_id AND used_by = p_transfer_id
  $$;

GRANT EXECUTE ON FUNCTION quote_verdict, use_quote, give_back_quote TO dwaybank_transfer;

-- create_transfers as it was, with the quote that each transfer is made at (p_quote_id, null: at none). Locks: keys, quotes, limits, accounts,
-- events. A quote is judged under its lock once the key is claimed; what it says no with is a verdict like the ledger's, and it is used up only by what
-- was posted. Of two items with one quote the second gets what the first leaves: QUOTE_ALREADY_USED when that was posted, and else the
-- same refusal, since it is the same transfer. Batches without quotes do none of this.
DROP FUNCTION create_transfers;
CREATE FUNCTION create_transfers(
  p_mutation text, p_transfer_id uuid[], p_user_id uuid[], p_key text[], p_body_hash bytea[], p_entry_id uuid[],
  p_type text[], p_amount numeric[], p_currency text[], p_destination_amount numeric[], p_destination_currency text[],
  p_exchange_rate text[], p_rate_date date[],
  p_source_account_id uuid[], p_source_owner_id uuid[], p_source_label text[],
  p_destination_account_id uuid[], p_destination_owner_id uuid[], p_destination_label text[],
  p_description text[], p_initiated_at timestamptz[], p_assessment jsonb[],
  p_spent_by uuid[], p_spent_usd numeric[], p_daily_usd numeric[], p_monthly_usd numeric[],
  p_leg_entry int[], p_leg_posting_id uuid[], p_leg_account_id uuid[], p_leg_currency text[], p_leg_amount numeric[],
  p_leg_line_type text[], p_leg_counterparty text[], p_quote_id uuid[] DEFAULT NULL
) RETURNS TABLE (item int, outcome text, verdict text, transfer_id uuid, posted_at timestamptz)
  LANGUAGE plpgsql SET search_path = transfer, pg_temp
  SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  items CONSTANT int := array_length(p_transfer_id, 1);
  claimed boolean[];
  verdicts text[];
  quote_verdicts text[];
  quote_first int[]; -- the earlier item with the same quote, where there is one
  batch_at timestamptz;
  rfc3339 CONSTANT text := 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"';
  batch_at_text text;
BEGIN
  -- The transfer id marks whose claim it is: of two equal keys in one batch the second finds the first one's row.
  WITH claim AS (
    INSERT INTO idempotency_key AS k (user_id, mutation, key, body_hash, transfer_id)
    SELECT p_user_id[i], p_mutation, p_key[i], p_body_hash[i], p_transfer_id[i]
    FROM generate_series(1, items) AS i
    ORDER BY p_user_id[i], p_key[i] COLLATE "C", i
    ON CONFLICT DO NOTHING
    RETURNING k.transfer_id
  )
  SELECT array_agg(p_transfer_id[i] IN (SELECT claim.transfer_id FROM claim) ORDER BY i) INTO claimed
    FROM generate_series(1, items) AS i;

  IF p_quote_id IS NOT NULL THEN
    PERFORM FROM quote q
      WHERE q.id = ANY (ARRAY(SELECT p_quote_id[i] FROM generate_series(1, items) AS i WHERE claimed[i]))
      ORDER BY q.id FOR NO KEY UPDATE;
    SELECT array_agg(judged.verdict ORDER BY judged.i) INTO quote_verdicts
      FROM (
        SELECT i, CASE WHEN claimed[i] AND p_quote_id[i] IS NOT NULL
          THEN quote_verdict(q, p_user_id[i], p_transfer_id[i], clock_timestamp()) END AS verdict
        FROM generate_series(1, items) AS i LEFT JOIN quote q ON q.id = p_quote_id[i]
      ) judged;
    -- Only what may use its quote stands in anybody's way.
    SELECT array_agg(CASE WHEN wanted.first < wanted.i THEN wanted.first END ORDER BY wanted.i) INTO quote_first
      FROM (
        SELECT asked.i, CASE WHEN asked.quote_id IS NOT NULL THEN min(asked.i) OVER (PARTITION BY asked.quote_id) END AS first
        FROM (
          SELECT i, CASE WHEN claimed[i] AND quote_verdicts[i] IS NULL THEN p_quote_id[i] END AS quote_id
          FROM generate_series(1, items) AS i
        ) asked
      ) wanted;
    SELECT array_agg(claimed[i] AND quote_verdicts[i] IS NULL AND quote_first[i] IS NULL ORDER BY i) INTO claimed
      FROM generate_series(1, items) AS i;
  END IF;

  SELECT array_agg(b.verdict ORDER BY b.entry_no), max(b.posted_at) INTO verdicts, batch_at
    FROM ledger.post_batch(
      p_entry_id, array_fill('TRANSFER'::text, ARRAY[items]), p_transfer_id, p_description, claimed,
      p_leg_entry, p_leg_posting_id, p_leg_account_id, p_leg_currency, p_leg_amount, p_leg_line_type, p_leg_counterparty,
      p_spent_by, p_spent_usd, p_daily_usd, p_monthly_usd, p_currency, p_amount) b;

  IF p_quote_id IS NOT NULL THEN
    UPDATE quote q SET used_by = p_transfer_id[i]
      FROM generate_series(1, items) AS i WHERE verdicts[i] = 'POSTED' AND q.id = p_quote_id[i];
    SELECT array_agg(coalesce(verdicts[i], quote_verdicts[i],
        CASE WHEN verdicts[quote_first[i]] = 'POSTED' THEN 'QUOTE_ALREADY_USED' ELSE verdicts[quote_first[i]] END) ORDER BY i)
      INTO verdicts FROM generate_series(1, items) AS i;
  END IF;

  IF batch_at IS NOT NULL THEN
    batch_at_text := to_char(batch_at AT TIME ZONE 'UTC', rfc3339);
    INSERT INTO transfer (id, user_id, type, status, amount, currency, destination_amount, destination_currency, exchange_rate,
        rate_date, source_account_id, source_owner_id, source_label,
        destination_account_id, destination_owner_id, destination_label, description, timeline, created_at, updated_at)
      SELECT p_transfer_id[i], p_user_id[i], p_type[i], 'COMPLETED', p_amount[i], p_currency[i], p_destination_amount[i],
        p_destination_currency[i], p_exchange_rate[i], p_rate_date[i], p_source_account_id[i], p_source_owner_id[i],
        p_source_label[i], p_destination_account_id[i], p_destination_owner_id[i], p_destination_label[i], p_description[i],
        concat('[{"at":"', to_char(least(p_initiated_at[i], batch_at) AT TIME ZONE 'UTC', rfc3339),
          '","status":"INITIATED"},{"at":"', batch_at_text, '","status":"COMPLETED"}]')::jsonb,
        least(p_initiated_at[i], batch_at), batch_at
      FROM generate_series(1, items) AS i WHERE verdicts[i] = 'POSTED';

    PERFORM risk.record_assessments(array_agg(p_transfer_id[i]), array_agg(p_user_id[i]), array_agg(p_assessment[i])),
        platform.append_events(array_agg('TransferCompleted'::text), array_agg(p_transfer_id[i]::text), array_agg(concat(
          '{"at":"', batch_at_text, '","type":"', p_type[i], '","currency":"', p_currency[i],
          '","senderId":"', p_user_id[i], '","transferId":"', p_transfer_id[i], '","amountMinor":"', p_amount[i],
          '","recipientId":"', p_destination_owner_id[i], '","sourceAccountId":"', p_source_account_id[i],
          '","destinationCurrency":"', p_destination_currency[i], '","destinationAccountId":"', p_destination_account_id[i],
          '","destinationAmountMinor":"', p_destination_amount[i], '"}')))
      FROM generate_series(1, items) AS i WHERE verdicts[i] = 'POSTED';
  END IF;

  -- Accepted keys keep their null; only a refusal is written a second time. (As an upsert, because that cannot become
  -- anything but a look-up in the primary key.)
  INSERT INTO idempotency_key (user_id, mutation, key, body_hash, transfer_id, verdict)
    SELECT p_user_id[i], p_mutation, p_key[i], p_body_hash[i], p_transfer_id[i], verdicts[i]
    FROM generate_series(1, items) AS i WHERE verdicts[i] <> 'POSTED'
    ON CONFLICT (user_id, mutation, key) DO UPDATE SET verdict = excluded.verdict;

  -- A key that holds this very attempt's transfer id was claimed by an earlier run of the same call, whose answer was lost
  -- on the way: then this attempt is what did it, and not a repetition.
  RETURN QUERY
    SELECT i,
      CASE WHEN verdicts[i] = 'POSTED' THEN 'DONE'
        WHEN verdicts[i] IS NOT NULL THEN 'REFUSED'
        WHEN k.body_hash <> p_body_hash[i] THEN 'KEY_REUSED'
        WHEN k.transfer_id <> p_transfer_id[i] THEN 'REPLAYED'
        WHEN k.verdict IS NULL THEN 'DONE'
        ELSE 'REFUSED' END,
      CASE WHEN verdicts[i] IS NOT NULL THEN nullif(verdicts[i], 'POSTED') WHEN k.body_hash = p_body_hash[i] THEN k.verdict END,
      CASE WHEN verdicts[i] = 'POSTED' THEN p_transfer_id[i]
        WHEN verdicts[i] IS NULL AND k.body_hash = p_body_hash[i] AND k.verdict IS NULL THEN k.transfer_id END,
      CASE WHEN verdicts[i] = 'POSTED' THEN batch_at
        WHEN k.transfer_id = p_transfer_id[i] THEN (SELECT t.updated_at FROM transfer t WHERE t.id = p_transfer_id[i]) END
    FROM generate_series(1, items) AS i
    LEFT JOIN LATERAL (
      SELECT * FROM idempotency_key k
      WHERE verdicts[i] IS NULL AND k.user_id = p_user_id[i] AND k.mutation = p_mutation AND k.key = p_key[i] LIMIT 1
    ) k ON true
    ORDER BY i;
END $$;

GRANT EXECUTE ON FUNCTION create_transfers TO dwaybank_transfer;

-- start_deposit as it was, with the quote that it is made at, and with an account that expects the money. It has one outcome more: REFUSED, by the
-- quote or by the account, which is stored with the key.
DROP FUNCTION start_deposit;
CREATE FUNCTION start_deposit(
  p_mutation text, p_transfer_id uuid, p_user_id uuid, p_key text, p_body_hash bytea, p_amount numeric, p_currency text,
  p_payment_method_id uuid, p_source_reference text, p_source_label text, p_destination_account_id uuid, p_destination_label text, p_description text,
  p_initiated_at timestamptz, p_assessment jsonb, p_quote_id uuid DEFAULT NULL
) RETURNS TABLE (outcome text, verdict text, transfer_id uuid)
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
#variable_conflict use_column
DECLARE
  claim idempotency_key;
  refusal text;
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
        WHEN claim.transfer_id = p_transfer_id THEN CASE WHEN claim.verdict IS NULL THEN 'DONE' ELSE 'REFUSED' END
        ELSE 'REPLAYED' END,
      CASE WHEN claim.body_hash = p_body_hash THEN claim.verdict END,
      CASE WHEN claim.body_hash = p_body_hash AND claim.verdict IS NULL THEN claim.transfer_id END;
    RETURN;
  END IF;

  IF p_quote_id IS NOT NULL THEN
    refusal := use_quote(p_quote_id, p_user_id, p_transfer_id);
  END IF;
  IF refusal IS NULL THEN
    -- From here on nobody closes the account, until the deposit has ended (write_step).
    refusal := nullif(ledger.expect_money(p_transfer_id, p_destination_account_id), 'EXPECTED');
    IF refusal IS NOT NULL AND p_quote_id IS NOT NULL THEN
      PERFORM give_back_quote(p_quote_id, p_transfer_id);
    END IF;
  END IF;
  IF refusal IS NOT NULL THEN
    UPDATE idempotency_key SET verdict = refusal WHERE user_id = p_user_id AND mutation = p_mutation AND key = p_key;
    RETURN QUERY SELECT 'REFUSED', refusal, NULL::uuid;
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

GRANT EXECUTE ON FUNCTION start_deposit TO dwaybank_transfer;
