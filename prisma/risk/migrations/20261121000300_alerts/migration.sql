-- What customers are told about their own transfers, after they were posted. Rows are written by the listener risk.alerts.
--
-- number is the order in which alerts become visible: whoever writes holds one advisory lock until the commit, so that a
-- reader who has seen a number has missed none below it.
CREATE TABLE alert (
  id uuid PRIMARY KEY,
  number bigint GENERATED ALWAYS AS IDENTITY,
  user_id uuid NOT NULL,
  transfer_id uuid NOT NULL,
  type text NOT NULL,
  severity text NOT NULL CHECK (severity IN ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL')),
  message text NOT NULL,
  created_at timestamptz(3) NOT NULL, -- when the transfer was posted
  acknowledged_at timestamptz(3)
);

-- Handling an event twice raises nothing twice.
CREATE UNIQUE INDEX alert_of_transfer ON alert (transfer_id, type);
-- A customer's alerts, newest first, and those after a known one.
CREATE INDEX alert_of_user ON alert (user_id, number);
-- Has the customer been told of such a thing of late.
CREATE INDEX alert_of_type ON alert (user_id, type, created_at);
