-- Webhooks of our own: what happens to a customer's money, told to an address of theirs.

CREATE TABLE webhook_endpoint (
  id uuid PRIMARY KEY,
  owner_id uuid NOT NULL,
  url text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
  event_types text[] NOT NULL CHECK (cardinality(event_types) > 0),
  is_active boolean NOT NULL DEFAULT true,
  inactive_reason text CHECK (is_active OR inactive_reason IS NOT NULL),
  -- The secret itself is kept nowhere: it follows from the bank's secret, the id and this number.
  secret_generation integer NOT NULL DEFAULT 1,
  rotated_at timestamptz(3), -- the secret before this one signs beside it for a while
  failing_since timestamptz(3), -- the first attempt that failed and was followed by none that did not
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  deleted_at timestamptz(3)
);
CREATE INDEX webhook_endpoint_of ON webhook_endpoint (owner_id, id);

-- One event for one endpoint. seq is the order in which they were recorded, which replays follow. A delivery that is PENDING is tried
-- from next_attempt_at on; whoever takes it moves that by a lease first, so that two processes do not send at once.
CREATE TABLE webhook_delivery (
  endpoint_id uuid NOT NULL REFERENCES webhook_endpoint,
  event_id text COLLATE "C" NOT NULL, -- the same as in live streams, so that whoever follows both can tell
  seq bigint GENERATED ALWAYS AS IDENTITY,
  type text NOT NULL,
  data jsonb NOT NULL,
  at timestamptz(3) NOT NULL, -- of the fact
  status text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'DELIVERED', 'FAILED')),
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  last_status integer,
  last_error text,
  delivered_at timestamptz(3),
  PRIMARY KEY (endpoint_id, event_id)
);
CREATE UNIQUE INDEX webhook_delivery_in_order ON webhook_delivery (endpoint_id, seq);
-- Each address is looked at by itself, so that a long queue of one costs the others nothing.
CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint_id, next_attempt_at, seq) WHERE status = 'PENDING';
CREATE INDEX webhook_endpoint_active ON webhook_endpoint (id) WHERE is_active;
