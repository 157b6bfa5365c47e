-- The version an account had at a moment; 0 before its first change. Versions have no gaps and their times never fall, so
-- that a binary search over the primary key finds it: an index on time would cost every posting a second write.
CREATE FUNCTION version_at(p_account_id uuid, p_at timestamptz) RETURNS bigint
  LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  at_or_before bigint := 0;
  after bigint := 1 + coalesce((SELECT max(version) FROM balance_changes WHERE account_id = p_account_id), 0);
  middle bigint;
BEGIN
  WHILE after - at_or_before > 1 LOOP
    middle := (at_or_before + after) / 2;
    IF (SELECT at FROM balance_changes WHERE account_id = p_account_id AND version = middle) <= p_at THEN
      at_or_before := middle;
    ELSE
      after := middle;
    END IF;
  END LOOP;
  RETURN at_or_before;
END $$;

-- An account's balance as it was at a moment; no row for an account that does not exist. Zero at version 0 before its
-- first change. What is said about a past moment never changes later: a posting may have taken its time under the
-- account's lock and not be committed yet, so for a moment within the last minute (no posting runs longer) the lock is
-- waited for first. A posting that takes the lock after us has a later time, except within the running millisecond: that one is
-- waited out under the lock. Of the future nobody can know more than the present.
CREATE FUNCTION balance_as_of(p_account_id uuid, p_at timestamptz)
  RETURNS TABLE (posted numeric, held numeric, overdraft numeric, version bigint, at timestamptz)
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  opened timestamptz;
  wanted bigint;
BEGIN
  IF p_at > clock_timestamp() - interval '1 minute' THEN
    SELECT a.opened_at INTO opened FROM account a WHERE a.id = p_account_id AND a.owner_id IS NOT NULL FOR SHARE;
    WHILE date_trunc('milliseconds', clock_timestamp()) <= p_at
      AND p_at < clock_timestamp() + interval '2 milliseconds' LOOP
      PERFORM pg_sleep(0.0005);
    END LOOP;
  ELSE
    SELECT a.opened_at INTO opened FROM account a WHERE a.id = p_account_id AND a.owner_id IS NOT NULL;
  END IF;
  IF opened IS NULL THEN
    RETURN;
  END IF;
  wanted := version_at(p_account_id, p_at);
  IF wanted = 0 THEN
    RETURN QUERY SELECT 0::numeric, 0::numeric, 0::numeric, 0::bigint, opened;
  ELSE
    RETURN QUERY SELECT c.posted, c.held, c.overdraft, c.version, c.at::timestamptz
      FROM balance_changes c WHERE c.account_id = p_account_id AND c.version = wanted;
  END IF;
END $$;

GRANT EXECUTE ON FUNCTION version_at, balance_as_of TO dwaybank_ledger, dwaybank_wallet, dwaybank_transfer;
