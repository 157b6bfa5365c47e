-- Makes many transfers in one statement and one commit, each with its own outcome:
--   DONE        posted now
--   REFUSED     the ledger said no (verdict); stored with the key, because a late repetition must not move money after a
--               top-up has made it possible
--   REPLAYED    this key was decided before; transfer_id of then, or the verdict of then
--   KEY_REUSED  this key was decided before for another body
--
-- Locks are taken in one order everywhere: keys (sorted), accounts (by id, in the ledger), events. A key that another
-- transaction is just deciding is waited for by the unique index.
--
-- Item i is made of the i-th element of every array; the leg_ arrays are those of ledger.post_batch, whose entry numbers are
-- the item numbers. Plans as in ledger.post_batch. Runs with the rights of its caller: what belongs to other owners is done by their own functions.
CREATE FUNCTION create_transfers(
  p_mutation text, p_transfer_id uuid[], p_user_id uuid[], p_key text[], p_body_hash bytea[], p_entry_id uuid[],
  p_type text[], p_amount numeric[], p_currency text[],
  p_source_account_id uuid[], p_source_owner_id uuid[], p_source_label text[],
  p_destination_account_id uuid[], p_destination_owner_id uuid[], p_destination_label text[],
  p_description text[], p_initiated_at timestamptz[], p_assessment jsonb[],
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
    SELECT c.user_id, p_mutation, c.key, c.body_hash, c.transfer_id
    FROM unnest(p_user_id, p_key, p_body_hash, p_transfer_id) WITH ORDINALITY AS c (user_id, key, body_hash, transfer_id, item)
    ORDER BY c.user_id, c.key, c.item
    ON CONFLICT DO NOTHING
    RETURNING k.transfer_id
  )
  SELECT array_agg(i.transfer_id IN (SELECT claim.transfer_id FROM claim) ORDER BY i.item) INTO claimed
    FROM unnest(p_transfer_id) WITH ORDINALITY AS i (transfer_id, item);

  SELECT array_agg(b.verdict ORDER BY b.entry_no), max(b.posted_at) INTO verdicts, batch_at
    FROM ledger.post_batch(
      p_entry_id, array_fill('TRANSFER'::text, ARRAY[items]), p_transfer_id, p_description, claimed,
      p_leg_entry, p_leg_posting_id, p_leg_account_id, p_leg_currency, p_leg_amount, p_leg_line_type, p_leg_counterparty) b;

  IF batch_at IS NOT NULL THEN
    batch_at_text := to_char(batch_at AT TIME ZONE 'UTC', rfc3339);
    INSERT INTO transfer (id, user_id, type, status, amount, currency, source_account_id, source_owner_id, source_label,
        destination_account_id, destination_owner_id, destination_label, description, timeline, created_at, updated_at)
      SELECT t.id, t.user_id, t.type, 'COMPLETED', t.amount, t.currency, t.source_account_id, t.source_owner_id, t.source_label,
        t.destination_account_id, t.destination_owner_id, t.destination_label, t.description,
        concat('[{"status":"INITIATED","at":"', to_char(least(t.initiated_at, batch_at) AT TIME ZONE 'UTC', rfc3339),
          '"},{"status":"COMPLETED","at":"', batch_at_text, '"}]')::jsonb,
        least(t.initiated_at, batch_at), batch_at
      FROM unnest(p_transfer_id, p_user_id, p_type, p_amount, p_currency, p_source_account_id, p_source_owner_id, p_source_label,
          p_destination_account_id, p_destination_owner_id, p_destination_label, p_description, p_initiated_at, verdicts)
        AS t (id, user_id, type, amount, currency, source_account_id, source_owner_id, source_label,
          destination_account_id, destination_owner_id, destination_label, description, initiated_at, verdict)
      WHERE t.verdict = 'POSTED';

    PERFORM risk.record_assessments(array_agg(t.id), array_agg(t.user_id), array_agg(t.assessment)),
        platform.append_events(array_agg('TransferCompleted'::text), array_agg(t.id::text), array_agg(concat(
          '{"at":"', batch_at_text, '","type":"', t.type, '","currency":"', t.currency, '","senderId":"', t.source_owner_id,
          '","transferId":"', t.id, '","amountMinor":"', t.amount, '","recipientId":"', t.destination_owner_id,
          '","sourceAccountId":"', t.source_account_id, '","destinationAccountId":"', t.destination_account_id, '"}')::jsonb))
      FROM unnest(p_transfer_id, p_user_id, p_assessment, p_type, p_source_owner_id, p_destination_owner_id, p_source_account_id,
          p_destination_account_id, p_amount, p_currency, verdicts)
        AS t (id, user_id, assessment, type, source_owner_id, destination_owner_id, source_account_id,
          destination_account_id, amount, currency, verdict)
      WHERE t.verdict = 'POSTED';
  END IF;

  -- Accepted keys keep their null; only a refusal is written a second time. (As an upsert, because that cannot become
  -- anything but a look-up in the primary key.)
  INSERT INTO idempotency_key (user_id, mutation, key, body_hash, transfer_id, verdict)
    SELECT r.user_id, p_mutation, r.key, r.body_hash, r.transfer_id, r.verdict
    FROM unnest(p_user_id, p_key, p_body_hash, p_transfer_id, verdicts) AS r (user_id, key, body_hash, transfer_id, verdict)
    WHERE r.verdict <> 'POSTED'
    ON CONFLICT (user_id, mutation, key) DO UPDATE SET verdict = excluded.verdict;

  -- A key that holds this very attempt's transfer id was claimed by an earlier run of the same call, whose answer was lost
  -- on the way: then this attempt is what did it, and not a repetition.
  RETURN QUERY
    SELECT i.item::int,
      CASE WHEN i.verdict = 'POSTED' THEN 'DONE'
        WHEN i.verdict IS NOT NULL THEN 'REFUSED'
        WHEN k.body_hash <> i.body_hash THEN 'KEY_REUSED'
        WHEN k.transfer_id <> i.transfer_id THEN 'REPLAYED'
        WHEN k.verdict IS NULL THEN 'DONE'
        ELSE 'REFUSED' END,
      CASE WHEN i.verdict IS NOT NULL THEN nullif(i.verdict, 'POSTED') WHEN k.body_hash = i.body_hash THEN k.verdict END,
      CASE WHEN i.verdict = 'POSTED' THEN i.transfer_id
        WHEN i.verdict IS NULL AND k.body_hash = i.body_hash AND k.verdict IS NULL THEN k.transfer_id END,
      CASE WHEN i.verdict = 'POSTED' THEN batch_at
        WHEN k.transfer_id = i.transfer_id THEN (SELECT t.updated_at FROM transfer t WHERE t.id = i.transfer_id) END
    FROM unnest(p_user_id, p_key, p_body_hash, p_transfer_id, verdicts) WITH ORDINALITY
      AS i (user_id, key, body_hash, transfer_id, verdict, item)
    LEFT JOIN LATERAL (
      SELECT * FROM idempotency_key k
      WHERE i.verdict IS NULL AND k.user_id = i.user_id AND k.mutation = p_mutation AND k.key = i.key LIMIT 1
    ) k ON true
    ORDER BY i.item;
END $$;

GRANT EXECUTE ON FUNCTION create_transfers TO dwaybank_transfer;
