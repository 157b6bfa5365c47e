-- Sets a customer's own limits for a scope, in its minor units; null takes a limit away. What was counted so far stays. A currency
-- that had no limit before begins with what the books say has left in it this month, so that a new limit holds at once.
--
-- Takes the lock that ledger.post_batch takes: a posting either was counted before, or finds the new limit.
CREATE FUNCTION set_limit(p_owner_id uuid, p_scope text, p_daily numeric, p_monthly numeric) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  today date;
  this_month date;
BEGIN
  IF p_owner_id IS NULL OR NOT (p_scope = 'TOTAL' OR EXISTS (SELECT FROM currency WHERE code = p_scope)) THEN
    RAISE EXCEPTION 'a spending limit is a customer''s, and of TOTAL or a currency' USING ERRCODE = 'DW001';
  END IF;
  INSERT INTO spending_limit (owner_id, scope) VALUES (p_owner_id, 'TOTAL') ON CONFLICT DO NOTHING;
  SELECT greatest(day, (clock_timestamp() AT TIME ZONE 'UTC')::date) INTO today
    FROM spending_limit WHERE owner_id = p_owner_id AND scope = 'TOTAL' FOR NO KEY UPDATE;
  UPDATE spending_limit SET daily = p_daily, monthly = p_monthly WHERE owner_id = p_owner_id AND scope = p_scope;
  IF FOUND THEN
    RETURN;
  END IF;
  this_month := date_trunc('month', today::timestamp)::date;
  INSERT INTO spending_limit (owner_id, scope, daily, monthly, day, day_spent, month, month_spent)
    SELECT p_owner_id, p_scope, p_daily, p_monthly,
      today, coalesce(-sum(s.amount) FILTER (WHERE s.at >= today::timestamp AT TIME ZONE 'UTC'), 0),
      this_month, coalesce(-sum(s.amount), 0)
    FROM spent_since(p_owner_id, p_scope, this_month::timestamp AT TIME ZONE 'UTC') s;
END $$;

-- The postings by which a currency has left a customer since a moment, fees left out: what a limit in that currency counts.
CREATE FUNCTION spent_since(p_owner_id uuid, p_currency text, p_from timestamptz)
  RETURNS TABLE (amount numeric, at timestamptz)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  SELECT c.amount, c.at
  FROM account a
  JOIN balance_changes c ON c.account_id = a.id AND c.version > version_at(a.id, p_from - interval '1 millisecond')
  JOIN posting p ON p.id = c.posting_id AND p.amount < 0 AND p.line_type <> 'FEE'
  JOIN entry e ON e.id = p.entry_id AND e.spent_by = p_owner_id
  WHERE a.owner_id = p_owner_id AND a.currency = p_currency
$$;

-- The limits of customers and what has left today and this month (UTC, by the database's clock).
CREATE FUNCTION spending_of(p_owner_ids uuid[])
  RETURNS TABLE (owner_id uuid, scope text, daily numeric, monthly numeric, spent_today numeric, spent_this_month numeric)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  SELECT l.owner_id, l.scope, l.daily, l.monthly,
    CASE WHEN l.day >= now.today THEN l.day_spent ELSE 0 END,
    CASE WHEN l.month >= date_trunc('month', now.today::timestamp)::date THEN l.month_spent ELSE 0 END
  FROM spending_limit l, (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS today) now
  WHERE l.owner_id = ANY (p_owner_ids)
$$;

-- Risk owns the policy: it alone sets limits.
GRANT USAGE ON SCHEMA ledger TO dwaybank_risk;
GRANT EXECUTE ON FUNCTION set_limit, spending_of TO dwaybank_risk, dwaybank_ledger;
