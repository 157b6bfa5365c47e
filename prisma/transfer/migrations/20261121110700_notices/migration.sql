-- What providers tell on their own (webhooks). Stored, once it is proved to be from the provider, before anything of it is believed;
-- acted on by a job, in whatever order it came. Nothing here is ever removed.
--
--   RECEIVED -> APPLIED      acted on; what it led to is on the transfer's timeline
--            -> IGNORED      about nothing that this bank acts on
--            -> WAITING      about a transfer that is not there (yet)
--            -> PARKED       still not there after a day: a dead letter tells staff
CREATE TABLE provider_notice (
  provider text NOT NULL,
  event_id text COLLATE "C" NOT NULL CHECK (length(event_id) BETWEEN 1 AND 255), -- unique at the provider
  type text NOT NULL, -- the provider's word for it
  body bytea NOT NULL, -- as it came
  notice jsonb NOT NULL, -- as it was read
  status text NOT NULL DEFAULT 'RECEIVED' CHECK (status IN ('RECEIVED', 'APPLIED', 'IGNORED', 'WAITING', 'PARKED')),
  transfer_id uuid, -- once it is known which
  received_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  settled_at timestamptz(3),
  PRIMARY KEY (provider, event_id)
);
CREATE INDEX provider_notice_unsettled ON provider_notice (received_at) WHERE settled_at IS NULL;
CREATE INDEX provider_notice_of_transfer ON provider_notice (transfer_id) WHERE transfer_id IS NOT NULL;

-- The same id with another body: the provider contradicts itself. The first stays what it is; each other is kept for staff.
CREATE TABLE provider_notice_conflict (
  provider text NOT NULL,
  event_id text COLLATE "C" NOT NULL,
  body_hash bytea NOT NULL,
  body bytea NOT NULL,
  received_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (provider, event_id, body_hash),
  FOREIGN KEY (provider, event_id) REFERENCES provider_notice
);
