-- The audit of the books: a chain of hashes over the entries, and what a second computation of all balances has proved.
--
-- The chain is written behind the commit. Each entry notes the transaction that wrote it; entries are chained in the order (xid, id),
-- and only those of transactions below pg_snapshot_xmin, the oldest one still open: no entry can appear later at a place that
-- the chain has passed. A posting takes no lock and writes no further row for it.
--
-- What is hashed is the row as JSON without its nulls, and those of its postings. So a new column of entry or posting is covered from the day
-- it is filled, and must be null in the rows that are there already: a default would change what was hashed.
--
-- Rows from before this migration have no xid; they come first, in the order of their ids. The indexes are BRIN, because both columns grow as
-- the table does: they cost a posting next to nothing.
ALTER TABLE entry ADD COLUMN xid bigint;
ALTER TABLE entry ALTER COLUMN xid SET DEFAULT pg_current_xact_id()::text::bigint;
CREATE INDEX entry_by_xid ON entry USING brin (xid) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX posting_by_time ON posting USING brin (at) WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE entry_chain (
  position bigint PRIMARY KEY CHECK (position > 0),
  entry_id uuid NOT NULL UNIQUE,
  xid bigint, -- of the entry
  hash bytea NOT NULL CHECK (length(hash) = 32), -- sha256 of the hash before (32 zero bytes at first) and the entry's text
  chained_at timestamptz(3) NOT NULL
);
CREATE TRIGGER entry_chain_is_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON entry_chain
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- One row for each proof. What it covers: the entries below `horizon`, the chain up to `position`, whose hash was `hash`; `reverified_to`
-- is how far the walk over the old part of the chain has come, which begins anew at its end.
CREATE TABLE proof (
  number bigint PRIMARY KEY,
  at timestamptz(3) NOT NULL,
  ok boolean NOT NULL,
  complete boolean NOT NULL, -- from the first entry on, and not from what an earlier proof has added up
  horizon bigint NOT NULL,
  position bigint NOT NULL,
  hash bytea,
  reverified_to bigint NOT NULL,
  findings jsonb NOT NULL
);
CREATE TRIGGER proof_is_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON proof
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What the postings below the horizon of the last good proof add up to: the next one begins there.
CREATE TABLE proved_sum (
  account_id uuid NOT NULL,
  currency text NOT NULL,
  total numeric NOT NULL,
  PRIMARY KEY (account_id, currency)
);

GRANT SELECT ON entry_chain, proof, proved_sum TO dwaybank_ledger, dwaybank_transfer;

-- Chains the next entries, at most p_limit; says how many. Nothing while another process does it.
CREATE FUNCTION extend_chain(p_limit int) RETURNS int
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  nobody CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
  head entry_chain;
  horizon bigint;
  width bigint := 4 * p_limit::bigint;
  batch uuid[];
  chained uuid[] := '{}';
  xids bigint[] := '{}';
  hashes bytea[] := '{}';
  item record;
  last_hash bytea;
BEGIN
  -- The number is ours and means nothing.
  IF NOT pg_try_advisory_xact_lock(7193004301) THEN
    RETURN 0;
  END IF;
  SELECT * INTO head FROM entry_chain ORDER BY position DESC LIMIT 1;
  IF head.xid IS NULL THEN
    batch := ARRAY(SELECT id FROM entry WHERE xid IS NULL AND id > coalesce(head.entry_id, nobody) ORDER BY id LIMIT p_limit);
  END IF;
  IF coalesce(cardinality(batch), 0) = 0 THEN
    -- Taken first: what is below it now is visible to every statement after.
    horizon := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    LOOP
      -- A window of transactions, wider and wider: the index finds it, and not all that is left is read and sorted each time.
      batch := ARRAY(
        SELECT id FROM entry
        WHERE xid >= coalesce(head.xid, 0) AND xid < least(horizon, coalesce(head.xid, 0) + width)
          AND (xid, id) > (coalesce(head.xid, 0), CASE WHEN head.xid IS NULL THEN nobody ELSE head.entry_id END)
        ORDER BY xid, id LIMIT p_limit);
      EXIT WHEN cardinality(batch) >= p_limit OR coalesce(head.xid, 0) + width >= horizon;
      width := width * 4;
    END LOOP;
  END IF;
  IF cardinality(batch) = 0 THEN
    RETURN 0;
  END IF;

  last_hash := coalesce(head.hash, decode(repeat('00', 32), 'hex'));
  FOR item IN
    WITH picked AS MATERIALIZED (
      SELECT e, e.id, e.at, b.place FROM unnest(batch) WITH ORDINALITY AS b (id, place) JOIN entry e ON e.id = b.id
    ), lines AS (
      SELECT p.entry_id, jsonb_agg(jsonb_strip_nulls(to_jsonb(p)) ORDER BY p.id)::text AS text FROM posting p
      WHERE p.at >= (SELECT min(at) FROM picked) AND p.at <= (SELECT max(at) FROM picked) AND p.entry_id = ANY (batch) GROUP BY p.entry_id
    )
    SELECT picked.id, (picked.e).xid AS xid, jsonb_strip_nulls(to_jsonb(picked.e))::text || E'\n' || coalesce(lines.text, '[]') AS text
    FROM picked LEFT JOIN lines ON lines.entry_id = picked.id ORDER BY picked.place
  LOOP
    last_hash := sha256(last_hash || convert_to(item.text, 'UTF8'));
    chained := chained || item.id;
    xids := xids || item.xid;
    hashes := hashes || last_hash;
  END LOOP;
  INSERT INTO entry_chain (position, entry_id, xid, hash, chained_at)
    SELECT coalesce(head.position, 0) + n, chained[n], xids[n], hashes[n], clock_timestamp()
    FROM generate_series(1, cardinality(chained)) AS n;
  RETURN cardinality(chained);
END $$;

-- Keeps what a proof found, and, when it was good, what it has added up: for a complete one all sums, else those that changed. False when
-- another proof was kept after p_after, the newest that this one knew of: then it is worth nothing.
CREATE FUNCTION record_proof(
  p_after bigint, p_complete boolean, p_horizon bigint, p_position bigint, p_hash bytea, p_reverified_to bigint, p_findings jsonb,
  p_account_id uuid[], p_currency text[], p_total numeric[]
) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  good CONSTANT boolean := p_findings = '[]'::jsonb;
BEGIN
  PERFORM pg_advisory_xact_lock(7193004302);
  IF p_after <> coalesce((SELECT max(number) FROM proof), 0) THEN
    RETURN false;
  END IF;
  INSERT INTO proof (number, at, ok, complete, horizon, position, hash, reverified_to, findings)
    VALUES (p_after + 1, clock_timestamp(), good, p_complete, p_horizon, p_position, p_hash, p_reverified_to, p_findings);
  IF good AND p_complete THEN
    DELETE FROM proved_sum s
      WHERE NOT EXISTS (SELECT FROM unnest(p_account_id, p_currency) AS n (id, currency) WHERE n.id = s.account_id AND n.currency = s.currency);
  END IF;
  IF good THEN
    INSERT INTO proved_sum AS s (account_id, currency, total)
      SELECT * FROM unnest(p_account_id, p_currency, p_total)
      ON CONFLICT (account_id, currency) DO UPDATE SET total = excluded.total WHERE s.total <> excluded.total;
  END IF;
  RETURN true;
END $$;

GRANT EXECUTE ON FUNCTION extend_chain, record_proof TO dwaybank_transfer;
