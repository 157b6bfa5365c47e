-- What the bank's staff sees and does: pauses of what goes out, dead letters, and a record of every intervention.
--
-- A dead letter is work that no machine can end, put aside for a person:
--
--   OPEN -> RETRYING -> OPEN                      tried again, and put aside again
--                    -> RESOLVED                  tried again with success: whoever works on its kind says so
--   OPEN | RETRYING -> AWAITING_APPROVAL          a person has said how it ends
--   AWAITING_APPROVAL -> RESOLVED                 a second person has agreed
--   AWAITING_APPROVAL -> OPEN                     it was recorded again meanwhile: what was said is about something older
--
-- Nothing here is ever removed, a letter that is RESOLVED never changes, and the record of interventions is only appended to.

CREATE FUNCTION refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are kept for ever as they are', TG_TABLE_NAME;
END $$;

-- What must not leave the bank for now. Whoever carries money out reads it right before (operations/pauses.ts), so that it holds
-- at once in every process. A row is one pause, kept after its end.
CREATE TABLE outgoing_pause (
  id uuid PRIMARY KEY,
  scope text NOT NULL CHECK (scope IN ('ALL', 'PROVIDER', 'CURRENCY')),
  subject text NOT NULL DEFAULT '', -- the provider's name or the currency
  reason text NOT NULL CHECK (reason <> ''),
  paused_by text NOT NULL, -- a person's id, or who sat at the command line
  paused_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  resumed_by text,
  resumed_at timestamptz(3),
  CONSTRAINT subject_fits_scope CHECK ((scope = 'ALL') = (subject = '')),
  CONSTRAINT end_is_somebodys CHECK ((resumed_by IS NULL) = (resumed_at IS NULL))
);
CREATE UNIQUE INDEX outgoing_pause_once ON outgoing_pause (scope, subject) WHERE resumed_at IS NULL;
CREATE TRIGGER outgoing_pause_is_kept BEFORE DELETE OR TRUNCATE ON outgoing_pause
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

CREATE TABLE dead_letter (
  id uuid PRIMARY KEY,
  transfer_id uuid,
  kind text NOT NULL CHECK (kind <> ''),
  class text NOT NULL CHECK (class IN ('TRANSIENT', 'RECOVERABLE', 'PERMANENT')),
  severity text NOT NULL CHECK (severity IN ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL')),
  reason text NOT NULL,
  details jsonb NOT NULL,
  state text NOT NULL DEFAULT 'OPEN' CHECK (state IN ('OPEN', 'RETRYING', 'AWAITING_APPROVAL', 'RESOLVED')),
  recorded_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  last_seen_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(), -- when it was last put aside
  seen integer NOT NULL DEFAULT 1,
  retries integer NOT NULL DEFAULT 0,
  last_retried_at timestamptz(3),
  resolution text,
  resolution_by text, -- who proposed it; null: whoever works on its kind ended it
  resolved_by text, -- who agreed, another person
  resolved_at timestamptz(3),
  CONSTRAINT resolved_has_an_end CHECK ((state = 'RESOLVED') = (resolved_at IS NOT NULL)),
  CONSTRAINT second_person CHECK (resolved_by <> resolution_by)
);
-- One open letter per transfer and kind.
CREATE UNIQUE INDEX dead_letter_open ON dead_letter (transfer_id, kind) NULLS NOT DISTINCT WHERE state <> 'RESOLVED';
CREATE INDEX dead_letter_of_transfer ON dead_letter (transfer_id);
CREATE INDEX dead_letter_newest ON dead_letter (recorded_at, id);
CREATE TRIGGER dead_letter_is_kept BEFORE DELETE OR TRUNCATE ON dead_letter
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();
CREATE TRIGGER resolved_letter_is_kept BEFORE UPDATE ON dead_letter
  FOR EACH ROW WHEN (OLD.state = 'RESOLVED') EXECUTE FUNCTION refuse_removal();

-- Who did what, when and why: pauses, dead letters, holds released by hand … `subject` is what it was done to.
CREATE TABLE intervention (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  actor text NOT NULL, -- as paused_by; 'bank' when no person did it
  action text NOT NULL CHECK (action ~ '^[A-Z_]+$'),
  subject text NOT NULL,
  note text
);
CREATE INDEX intervention_on_subject ON intervention (subject, number);
CREATE TRIGGER intervention_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON intervention
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

-- Puts work aside: the open letter of the transfer and kind, or a new one. Severity never falls while a letter is open. What a provider contradicts itself
-- about is not given back by a clock: its hold lasts, and has its clock again when it goes on.
CREATE FUNCTION record_dead_letter(
  p_id uuid, p_transfer_id uuid, p_kind text, p_class text, p_severity text, p_reason text, p_details jsonb
) RETURNS uuid
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  severities CONSTANT text[] := ARRAY['LOW', 'MEDIUM', 'HIGH', 'CRITICAL'];
  letter dead_letter;
BEGIN
  IF p_kind = 'PROVIDER_CONTRADICTION' AND p_transfer_id IS NOT NULL THEN
    PERFORM keep_contradicted(p_transfer_id);
  END IF;
  INSERT INTO dead_letter AS known (id, transfer_id, kind, class, severity, reason, details)
    VALUES (p_id, p_transfer_id, p_kind, p_class, p_severity, p_reason, p_details)
    ON CONFLICT (transfer_id, kind) WHERE state <> 'RESOLVED' DO UPDATE
    SET class = excluded.class, reason = excluded.reason, details = excluded.details, state = 'OPEN', seen = known.seen + 1,
        last_seen_at = excluded.last_seen_at, resolution = NULL, resolution_by = NULL,
        severity = severities[greatest(array_position(severities, known.severity), array_position(severities, excluded.severity))]
    RETURNING * INTO letter;
  INSERT INTO intervention (actor, action, subject, note)
    VALUES ('bank', CASE WHEN letter.seen = 1 THEN 'DEAD_LETTER_RECORDED' ELSE 'DEAD_LETTER_RECORDED_AGAIN' END, letter.id::text, p_reason);
  IF letter.seen = 1 THEN
    PERFORM platform.append_events(ARRAY['DeadLetterRecorded'], ARRAY[letter.id::text], ARRAY[jsonb_build_object(
      'deadLetterId', letter.id, 'transferId', p_transfer_id, 'kind', p_kind,
      'at', to_char(letter.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))]);
  END IF;
  RETURN letter.id;
END $$;

-- What was put aside has been done after all: whoever works on a kind says so in the transaction of the effect. A transfer without
-- such a letter, or whose letter is ended, is none the worse for it; returns whether one was ended.
CREATE FUNCTION settle_dead_letter(p_transfer_id uuid, p_kind text, p_resolution text) RETURNS boolean
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  settled uuid;
BEGIN
  UPDATE dead_letter SET state = 'RESOLVED', resolution = p_resolution, resolution_by = NULL, resolved_at = clock_timestamp()
    WHERE transfer_id IS NOT DISTINCT FROM p_transfer_id AND kind = p_kind AND state <> 'RESOLVED' RETURNING id INTO settled;
  IF settled IS NULL THEN
    RETURN false;
  END IF;
  INSERT INTO intervention (actor, action, subject, note) VALUES ('bank', 'DEAD_LETTER_SETTLED', settled::text, p_resolution);
  RETURN true;
END $$;

-- Asks whoever works on the letter's kind to try again (DeadLetterRetried). Nobody works on a PERMANENT one: it is open again, and what was
-- proposed about it forgotten. False when there is no such letter that has not ended.
CREATE FUNCTION retry_dead_letter(p_id uuid, p_actor text) RETURNS boolean
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  letter dead_letter;
BEGIN
  UPDATE dead_letter SET state = 'OPEN', resolution = NULL, resolution_by = NULL
    WHERE id = p_id AND state <> 'RESOLVED' AND class = 'PERMANENT' RETURNING * INTO letter;
  IF FOUND THEN
    INSERT INTO intervention (actor, action, subject) VALUES (p_actor, 'DEAD_LETTER_OPENED_AGAIN', letter.id::text);
    RETURN true;
  END IF;
  UPDATE dead_letter SET state = 'RETRYING', retries = retries + 1, last_retried_at = clock_timestamp(), resolution = NULL, resolution_by = NULL
    WHERE id = p_id AND state <> 'RESOLVED' RETURNING * INTO letter;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO intervention (actor, action, subject) VALUES (p_actor, 'DEAD_LETTER_RETRIED', letter.id::text);
  PERFORM platform.append_events(ARRAY['DeadLetterRetried'], ARRAY[letter.id::text], ARRAY[jsonb_build_object(
    'deadLetterId', letter.id, 'transferId', letter.transfer_id, 'kind', letter.kind,
    'at', to_char(letter.last_retried_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))]);
  RETURN true;
END $$;

-- Two people say that a letter has ended. PROPOSED by the first, with how; RESOLVED when another agrees, whose words go on record;
-- SECOND_PERSON_REQUIRED when it is the same person again. Who wants to propose something else tries again first, which forgets it.
-- p_agrees_to is what the second person has read: PROPOSAL_CHANGED when that is not what is proposed now.
CREATE FUNCTION resolve_dead_letter(p_id uuid, p_actor text, p_resolution text, p_agrees_to text DEFAULT NULL) RETURNS text
  LANGUAGE plpgsql SET search_path = transfer, pg_temp AS $$
DECLARE
  letter dead_letter;
BEGIN
  SELECT * INTO letter FROM dead_letter WHERE id = p_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN 'DEAD_LETTER_NOT_FOUND';
  ELSIF letter.state = 'RESOLVED' THEN
    RETURN 'DEAD_LETTER_RESOLVED';
  ELSIF p_agrees_to IS NOT NULL AND letter.resolution IS DISTINCT FROM p_agrees_to THEN
    RETURN 'PROPOSAL_CHANGED';
  ELSIF letter.state = 'AWAITING_APPROVAL' AND letter.resolution_by = p_actor THEN
    RETURN 'SECOND_PERSON_REQUIRED';
  ELSIF letter.state = 'AWAITING_APPROVAL' THEN
    UPDATE dead_letter SET state = 'RESOLVED', resolved_by = p_actor, resolved_at = clock_timestamp() WHERE id = p_id;
    INSERT INTO intervention (actor, action, subject, note) VALUES (p_actor, 'DEAD_LETTER_RESOLVED', p_id::text, p_resolution);
    RETURN 'RESOLVED';
  END IF;
  UPDATE dead_letter SET state = 'AWAITING_APPROVAL', resolution = p_resolution, resolution_by = p_actor WHERE id = p_id;
  INSERT INTO intervention (actor, action, subject, note) VALUES (p_actor, 'DEAD_LETTER_RESOLUTION_PROPOSED', p_id::text, p_resolution);
  RETURN 'PROPOSED';
END $$;

GRANT EXECUTE ON FUNCTION record_dead_letter, settle_dead_letter, retry_dead_letter, resolve_dead_letter TO dwaybank_transfer;
