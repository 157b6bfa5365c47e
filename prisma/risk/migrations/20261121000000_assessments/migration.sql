-- What was found about a transfer before its money moved. A row is written by the transaction that posts the transfer and
-- by nothing else, so that there is no assessment without its transfer, and only what was posted becomes history.
--
-- Of transfers to others (where usd_amount is not null) the row also keeps what the customer's next transfers are compared
-- with.
CREATE TABLE assessment (
  transfer_id uuid PRIMARY KEY,
  customer_id uuid NOT NULL,
  score smallint NOT NULL CHECK (score BETWEEN 0 AND 100),
  level text NOT NULL CHECK (level IN ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL')),
  decision text NOT NULL CHECK (decision IN ('ALLOW', 'STEP_UP', 'REVIEW', 'BLOCK')),
  factors jsonb NOT NULL,
  assessed_at timestamptz(3) NOT NULL,
  -- The database's clock as it was posted: for one customer it does not fall, since whoever spends is locked meanwhile.
  posted_at timestamptz(3) NOT NULL,
  usd_amount numeric(38, 0) CHECK (usd_amount > 0), -- US cents, at the rates of then
  -- The customer's first, second, third … transfer to others: two look-ups tell how many fell into any span of time.
  nth integer CHECK ((nth IS NULL) = (usd_amount IS NULL)),
  recipient_id uuid CHECK ((recipient_id IS NULL) = (usd_amount IS NULL)),
  country text,  -- ISO 3166-1 of the client's address; null where it is not known
  device text    -- keyed hash of the client's device id; null where it gave none
);

-- A customer's history, newest last, and the highest score of late.
CREATE INDEX assessment_of_sender ON assessment (customer_id, posted_at, nth, score) WHERE nth IS NOT NULL;
-- Has the one ever sent to the other, and when last.
CREATE INDEX assessment_of_pair ON assessment (customer_id, recipient_id, posted_at) WHERE nth IS NOT NULL;

-- Called by transfer.create_transfers within the posting transaction. An element is the Assessment of
-- platform/questions/assess-transfer.ts; its evidence is what subgraphs/risk/assess-transfer.ts put there.
CREATE FUNCTION record_assessments(p_transfer_id uuid[], p_customer_id uuid[], p_assessment jsonb[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = risk, pg_temp AS $$
  INSERT INTO assessment (transfer_id, customer_id, score, level, decision, factors, assessed_at, posted_at,
      usd_amount, nth, recipient_id, country, device)
  SELECT a.transfer_id, a.customer_id, (a.assessment ->> 'score')::smallint, a.assessment ->> 'level',
         a.assessment ->> 'decision', a.assessment -> 'factors', (a.assessment ->> 'assessedAt')::timestamptz,
         clock_timestamp(), (a.evidence ->> 'usdMinor')::numeric,
         CASE WHEN a.evidence ? 'usdMinor' THEN coalesce(
           (SELECT h.nth FROM assessment h WHERE h.customer_id = a.customer_id AND h.nth IS NOT NULL
            ORDER BY h.posted_at DESC, h.nth DESC LIMIT 1), 0)
           + row_number() OVER (PARTITION BY a.customer_id, a.evidence ? 'usdMinor' ORDER BY a.place) END,
         (a.evidence ->> 'recipientId')::uuid, a.evidence ->> 'country', a.evidence ->> 'device'
  FROM (
    SELECT *, assessment -> 'evidence' AS evidence
    FROM unnest(p_transfer_id, p_customer_id, p_assessment) WITH ORDINALITY AS u (transfer_id, customer_id, assessment, place)
  ) AS a
$$;

GRANT USAGE ON SCHEMA risk TO dwaybank_transfer;
GRANT EXECUTE ON FUNCTION record_assessments(uuid[], uuid[], jsonb[]) TO dwaybank_transfer;
