-- The permanent event log, and how listeners keep their place in it.
--
-- Order and lateness: a position is (xid, id). Readers take only rows whose xid lies below pg_snapshot_xmin, the oldest
-- transaction still open, because rows of an open transaction can appear later with positions a reader has already passed.
-- An xid belongs to its cluster: a logical copy of this database into another cluster has to raise that cluster's next
-- transaction id above the copied ones (pg_resetwal -x) before the bank runs there.

CREATE TABLE event (
  xid     xid8        NOT NULL DEFAULT pg_current_xact_id(),
  id      bigint      GENERATED ALWAYS AS IDENTITY,
  type    text        NOT NULL CHECK (type <> ''),
  version smallint    NOT NULL DEFAULT 1,
  key     text        NOT NULL CHECK (key <> ''),
  payload jsonb       NOT NULL,
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (xid, id)
);

-- A gateway that starts asks which sessions have ended of late; the log it would otherwise read through never shrinks.
CREATE INDEX event_session_ended ON event (at) WHERE type = 'SessionEnded';

-- The log is what happened. Nobody holds a right to change it; this also stops the owner by mistake.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the event log is only ever appended to';
END
$$;

CREATE TRIGGER event_is_permanent BEFORE UPDATE OR DELETE OR TRUNCATE ON event
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- fillfactor: a cursor is updated for every batch; with room on its page that costs no index entry (HOT).
CREATE TABLE listener_cursor (
  name       text        PRIMARY KEY CHECK (name ~ '^[a-z]+\.[a-z-]+$'),
  xid        xid8        NOT NULL,
  id         bigint      NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

CREATE TABLE parked_event (
  listener        text        NOT NULL REFERENCES listener_cursor (name),
  xid             xid8        NOT NULL,
  id              bigint      NOT NULL,
  error           text        NOT NULL,
  attempts        integer     NOT NULL,
  parked_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  retry_requested boolean     NOT NULL DEFAULT false,
  PRIMARY KEY (listener, xid, id),
  FOREIGN KEY (xid, id) REFERENCES event (xid, id)
);

-- Appends within the caller's transaction, in the order of the arrays.
CREATE FUNCTION append_events(p_type text[], p_key text[], p_payload jsonb[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = platform, pg_temp AS $$
  INSERT INTO event (type, key, payload)
  SELECT type, key, payload
  FROM unnest(p_type, p_key, p_payload) WITH ORDINALITY AS new (type, key, payload, position)
  ORDER BY position
$$;

-- A listener belongs to the owner its name begins with: no other service can make it skip or repeat events.
CREATE FUNCTION check_listener_owner(p_name text) RETURNS void
LANGUAGE plpgsql SET search_path = platform, pg_temp AS $$
BEGIN
  IF NOT pg_has_role(session_user, 'dwaybank_' || split_part(p_name, '.', 1), 'MEMBER') THEN
    RAISE EXCEPTION 'listener % is not of %', p_name, session_user USING ERRCODE = 'insufficient_privilege';
  END IF;
END
$$;

-- The listener's place, locked until the end of the transaction; no row while another process works on it. A listener
-- that is new begins before the first event.
CREATE FUNCTION lock_cursor(p_name text) RETURNS TABLE (xid xid8, id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = platform, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM check_listener_owner(p_name);
  RETURN QUERY SELECT c.xid, c.id FROM listener_cursor c WHERE c.name = p_name FOR UPDATE SKIP LOCKED;
  IF NOT FOUND AND NOT EXISTS (SELECT FROM listener_cursor WHERE name = p_name) THEN
    INSERT INTO listener_cursor (name, xid, id) VALUES (p_name, '0', 0) ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT c.xid, c.id FROM listener_cursor c WHERE c.name = p_name FOR UPDATE SKIP LOCKED;
  END IF;
END
$$;

-- Moves the place forward. Call under lock_cursor, in the transaction of the effect.
CREATE FUNCTION advance_cursor(p_name text, p_xid xid8, p_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = platform, pg_temp AS $$
BEGIN
  PERFORM check_listener_owner(p_name);
  UPDATE listener_cursor SET xid = p_xid, id = p_id, updated_at = clock_timestamp()
  WHERE name = p_name AND (xid, id) < (p_xid, p_id);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the cursor of % does not go back to %:%', p_name, p_xid, p_id;
  END IF;
END
$$;

-- Puts an event aside that a listener cannot handle.
CREATE FUNCTION park_event(p_listener text, p_xid xid8, p_id bigint, p_error text, p_attempts integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = platform, pg_temp AS $$
BEGIN
  PERFORM check_listener_owner(p_listener);
  INSERT INTO parked_event AS parked (listener, xid, id, error, attempts)
  VALUES (p_listener, p_xid, p_id, left(p_error, 2000), p_attempts)
  ON CONFLICT (listener, xid, id) DO UPDATE
  SET error = excluded.error, attempts = parked.attempts + excluded.attempts, parked_at = clock_timestamp(), retry_requested = false;
END
$$;

-- Takes out one parked event that is to be tried again; no row when there is none. The delete is the claim: it comes back
-- when the transaction of the effect rolls back.
CREATE FUNCTION take_parked_event(p_listener text) RETURNS TABLE (xid xid8, id bigint, attempts integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = platform, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM check_listener_owner(p_listener);
  RETURN QUERY
  DELETE FROM parked_event p
  USING (
    SELECT c.listener, c.xid, c.id FROM parked_event c
    WHERE c.listener = p_listener AND c.retry_requested
    ORDER BY c.xid, c.id LIMIT 1 FOR UPDATE SKIP LOCKED
  ) AS next
  WHERE p.listener = next.listener AND p.xid = next.xid AND p.id = next.id
  RETURNING p.xid, p.id, p.attempts;
END
$$;

-- For people (npm run events): asks for parked events to be tried again, all or one listener's; says how many.
CREATE FUNCTION retry_parked_events(p_listener text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = platform, pg_temp AS $$
  WITH asked AS (
    UPDATE parked_event SET retry_requested = true
    WHERE p_listener IS NULL OR listener = p_listener
    RETURNING 1
  )
  SELECT count(*) FROM asked
$$;

-- For people (npm run events): lets a listener read again from a position, which it will see first; false when there is no
-- such listener. Waits for a batch under way.
CREATE FUNCTION replay_listener(p_name text, p_xid xid8, p_id bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = platform, pg_temp AS $$
BEGIN
  UPDATE listener_cursor SET xid = p_xid, id = p_id - 1, updated_at = clock_timestamp()
  WHERE name = p_name AND (xid, id) >= (p_xid, p_id);
  RETURN FOUND;
END
$$;

-- Every service and every owner may append and read; only the people's role may send listeners back.
DO $$
DECLARE
  owner text;
BEGIN
  GRANT USAGE ON SCHEMA platform TO dwaybank_gateway;
  GRANT SELECT ON event TO dwaybank_gateway;
  FOREACH owner IN ARRAY ARRAY['platform', 'ledger', 'user', 'wallet', 'portfolio', 'transfer', 'risk', 'insights'] LOOP
    EXECUTE format('GRANT USAGE ON SCHEMA platform TO dwaybank_%1$s, dwaybank_%1$s_owner', owner);
    EXECUTE format('GRANT EXECUTE ON FUNCTION append_events(text[], text[], jsonb[]) TO dwaybank_%1$s, dwaybank_%1$s_owner', owner);
    EXECUTE format('GRANT SELECT ON event, listener_cursor, parked_event TO dwaybank_%1$s', owner);
    EXECUTE format('GRANT EXECUTE ON FUNCTION lock_cursor(text), advance_cursor(text, xid8, bigint), take_parked_event(text), park_event(text, xid8, bigint, text, integer) TO dwaybank_%1$s', owner);
  END LOOP;
  GRANT EXECUTE ON FUNCTION retry_parked_events(text), replay_listener(text, xid8, bigint) TO dwaybank_platform;
END
$$;
