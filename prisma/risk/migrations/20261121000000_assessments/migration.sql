-- What was found about a transfer before its money moved. A row is written by the transaction that posts the transfer and
-- by nothing else, so that there is no assessment without its transfer.
CREATE TABLE assessment (
  transfer_id uuid PRIMARY KEY,
  customer_id uuid NOT NULL,
  score smallint NOT NULL CHECK (score BETWEEN 0 AND 100),
  level text NOT NULL CHECK (level IN ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL')),
  decision text NOT NULL CHECK (decision IN ('ALLOW', 'STEP_UP', 'REVIEW', 'BLOCK')),
  factors jsonb NOT NULL,
  assessed_at timestamptz(3) NOT NULL
);

-- A customer's highest score of late.
CREATE INDEX assessment_of_customer ON assessment (customer_id, assessed_at, score);

-- What customers have sent to others, kept from TransferCompleted: the history that new transfers are compared with.
CREATE TABLE outgoing_transfer (
  transfer_id uuid PRIMARY KEY,
  customer_id uuid NOT NULL,
  currency text NOT NULL,
  amount numeric(38, 0) NOT NULL CHECK (amount > 0),
  at timestamptz(3) NOT NULL
);

CREATE INDEX outgoing_transfer_of_customer ON outgoing_transfer (customer_id, at);
CREATE INDEX outgoing_transfer_in_currency ON outgoing_transfer (customer_id, currency, at, amount);

-- Called by transfer.create_transfers within the posting transaction. An element is the Assessment of
-- platform/questions/assess-transfer.ts.
CREATE FUNCTION record_assessments(p_transfer_id uuid[], p_customer_id uuid[], p_assessment jsonb[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = risk, pg_temp AS $$
  INSERT INTO assessment (transfer_id, customer_id, score, level, decision, factors, assessed_at)
  SELECT a.transfer_id, a.customer_id, (a.assessment ->> 'score')::smallint, a.assessment ->> 'level',
         a.assessment ->> 'decision', a.assessment -> 'factors', (a.assessment ->> 'assessedAt')::timestamptz
  FROM unnest(p_transfer_id, p_customer_id, p_assessment) AS a (transfer_id, customer_id, assessment)
$$;

GRANT USAGE ON SCHEMA risk TO dwaybank_transfer;
GRANT EXECUTE ON FUNCTION record_assessments(uuid[], uuid[], jsonb[]) TO dwaybank_transfer;
