-- Makes many transfers in one statement and one commit, each with its own outcome:
--   DONE        posted now
--   REFUSED     the ledger said no (verdict); stored with the key, because a late repetition must not move money after a
--               top-up has made it possible
--   REPLAYED    this key was decided before; transfer_id of then, or the verdict of then
--   KEY_REUSED  this key was decided before for another body
--
-- Locks are taken in one order everywhere: keys (sorted), limits and accounts (sorted, in the ledger), events. A key that another
-- transaction is just deciding is waited for by the unique index.
--
-- Item i is made of the i-th element of every array; the leg_ arrays and what is spent are those of ledger.post_batch, whose entry
-- numbers are the item numbers. Plans as in ledger.post_batch. Runs with the rights of its caller: what belongs to other owners is done by their own functions.
CREATE FUNCTION create_transfers(
  p_mutation text, p_transfer_id uuid[], p_user_id uuid[], p_key text[], p_body_hash bytea[], p_entry_id uuid[],
  p_type text[], p_amount numeric[], p_currency text[], p_destination_amount numeric[], p_destination_currency text[],
  p_exchange_rate text[], p_rate_date date[],
  p_source_account_id uuid[], p_source_owner_id uuid[], p_source_label text[],
  p_destination_account_id uuid[], p_destination_owner_id uuid[], p_destination_label text[],
  p_description text[], p_initiated_at timestamptz[], p_assessment jsonb[],
  p_spent_by uuid[], p_spent_usd numeric[], p_daily_usd numeric[], p_monthly_usd numeric[],
  p_leg_entry int[], p_leg_posting_id uuid[], p_leg_account_id uuid[], p_leg_currency text[], p_leg_amount numeric[],
  p_leg_line_type text[], p_leg_counterparty text[]
) RETURNS TABLE (item int, outcome text, verdict text, transfer_id uuid, posted_at timestamptz)
  LANGUAGE plpgsql SET search_path = transfer, pg_temp
  SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  items CONSTANT int := array_length(p_transfer_id, 1);
  claimed boolean[];
  verdicts text[];
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

  SELECT array_agg(b.verdict ORDER BY b.entry_no), max(b.posted_at) INTO verdicts, batch_at
    FROM ledger.post_batch(
      p_entry_id, array_fill('TRANSFER'::text, ARRAY[items]), p_transfer_id, p_description, claimed,
      p_leg_entry, p_leg_posting_id, p_leg_account_id, p_leg_currency, p_leg_amount, p_leg_line_type, p_leg_counterparty,
      p_spent_by, p_spent_usd, p_daily_usd, p_monthly_usd, p_currency, p_amount) b;

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
          '","destinationAmountMinor":"', p_destination_amount[i], '"}')::jsonb))
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
