-- The payload of an event is kept as the text it came as (json), and no longer taken apart (jsonb): it is written once and read whole by every
-- listener, so taking it apart and putting it together again was a tenth of what a posting costs, and cost every reader once more.
-- Rewrites the log, which stands still meanwhile: some seconds for a million events.
ALTER TABLE event ALTER COLUMN payload TYPE json USING payload::json;

CREATE OR REPLACE FUNCTION append_events(p_type text[], p_key text[], p_payload jsonb[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = platform, pg_temp AS $$
  INSERT INTO event (type, key, payload)
  SELECT type, key, payload::json
  FROM unnest(p_type, p_key, p_payload) WITH ORDINALITY AS new (type, key, payload, position)
  ORDER BY position
$$;

-- The same for payloads that were put together as text, as those of postings are: what is not JSON is refused.
CREATE FUNCTION append_events(p_type text[], p_key text[], p_payload text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = platform, pg_temp AS $$
  INSERT INTO event (type, key, payload)
  SELECT type, key, payload::json
  FROM unnest(p_type, p_key, p_payload) WITH ORDINALITY AS new (type, key, payload, position)
  ORDER BY position
$$;

DO $$
DECLARE
  owner text;
BEGIN
  FOREACH owner IN ARRAY ARRAY['platform', 'ledger', 'user', 'wallet', 'portfolio', 'transfer', 'risk', 'insights'] LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION append_events(text[], text[], text[]) TO dwaybank_%1$s, dwaybank_%1$s_owner', owner);
  END LOOP;
END
$$;
