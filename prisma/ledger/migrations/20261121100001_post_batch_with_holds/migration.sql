-- ledger.post_batch as before, which from now on heeds the posting gate. What it does is done by post_batch_with_holds, which also moves `held`:
-- ledger.capture_hold calls that, and no role may, because who says what is held could free anybody's money.
DROP FUNCTION post_batch;

-- Posts many entries in one call, each with its own verdict: one that is refused does not disturb its neighbours.
--
-- Arguments are arrays. Entry i is (p_entry_id[i], p_kind[i], p_transfer_id[i], p_description[i]); it is left alone (verdict
-- null) unless p_wanted[i]. Leg k belongs to entry p_leg_entry[k] (legs stand in the order of their entries) and puts
-- p_leg_amount[k] onto p_leg_account_id[k]. Legs of an entry are applied in their order, each with a version of its own, and
-- each must leave its account at or above zero.
--
-- Entry i with a p_spent_by[i] counts against that customer's spending limits: p_spent_usd[i] US cents against the total, of which
-- p_daily_usd[i] and p_monthly_usd[i] are the bank's own limits (null: none), and p_spent_amount[i] minor units of
-- p_spent_currency[i] against a limit the customer may have set for that currency. Days and months are UTC. A refused entry
-- counts nothing.
--
-- p_leg_held is ledger.capture_hold's: by how much leg k changes `held` of its account, together with what it posts, in one
-- version. Such a leg may leave a FROZEN account, because the money was promised before; for the same reason the gate does not stop it.
--
-- Steps: 1. check the shape: what is wrong there is a bug of the caller and raises. 2. lock, first the limits in the order of their
-- customers, then the customer accounts in the order of their ids, so that two batches never wait for each other in a circle.
-- 3. decide in memory, entry by entry: what an earlier entry of the batch left is what the next one finds. 4. write each table
-- once. 5. append one EntryPosted per entry.
--
-- Plans are generic, because planning anew in every call costs more than it gains, and may be made while the tables are still
-- empty. The settings leave nothing but index look-ups, which are right then and later. They, the search path and the rights come from
-- whoever calls (ledger.post_batch below, ledger.capture_hold): said twice they would be paid for twice in every posting.
CREATE FUNCTION post_batch_with_holds(
  p_entry_id uuid[], p_kind text[], p_transfer_id uuid[], p_description text[], p_wanted boolean[],
  p_leg_entry int[], p_leg_posting_id uuid[], p_leg_account_id uuid[], p_leg_currency text[], p_leg_amount numeric[],
  p_leg_line_type text[], p_leg_counterparty text[],
  p_spent_by uuid[] DEFAULT NULL, p_spent_usd numeric[] DEFAULT NULL, p_daily_usd numeric[] DEFAULT NULL,
  p_monthly_usd numeric[] DEFAULT NULL, p_spent_currency text[] DEFAULT NULL, p_spent_amount numeric[] DEFAULT NULL,
  p_leg_held numeric[] DEFAULT NULL
) RETURNS TABLE (entry_no int, verdict text, posted_at timestamptz)
  LANGUAGE plpgsql AS $$
DECLARE
  largest CONSTANT numeric := 1e38 - 1; -- what numeric(38, 0) can hold
  entries CONSTANT int := coalesce(array_length(p_entry_id, 1), 0);
  legs CONSTANT int := coalesce(array_length(p_leg_entry, 1), 0);
  -- The accounts, by place; an owner of null marks one of the bank's own.
  a_id uuid[];
  a_owner uuid[];
  a_currency text[];
  a_status text[];
  a_posted numeric[];
  a_held numeric[];
  a_overdraft numeric[];
  a_version bigint[];
  s_id uuid[];
  s_owner uuid[];
  s_currency text[];
  -- The customers whose money is spent, and their limits, by place: the totals and the currencies they have a limit for.
  spenders CONSTANT uuid[] := ARRAY(
    SELECT DISTINCT p_spent_by[e] FROM generate_series(1, entries) AS e WHERE p_wanted[e] AND p_spent_by[e] IS NOT NULL);
  c_owner uuid[];
  c_scope text[];
  c_daily numeric[];
  c_monthly numeric[];
  c_day_spent numeric[];
  c_month_spent numeric[];
  c_counted boolean[];
  e_total int[]; -- place of each entry's total
  e_own int[]; -- place of the limit in the entry's currency, if there is one
  today date;
  this_month date; -- its first day
  batch_at timestamptz;
  at_text text; -- the same, RFC 3339
  verdicts text[] := array_fill(NULL::text, ARRAY[entries]);
  l_place int[]; -- of each leg's account
  l_posted numeric[] := array_fill(NULL::numeric, ARRAY[legs]); -- after the leg, when posted to a customer
  l_version bigint[] := array_fill(NULL::bigint, ARRAY[legs]);
  l_held numeric[] := CASE WHEN p_leg_held IS NOT NULL THEN array_fill(NULL::numeric, ARRAY[legs]) END; -- after the leg; null: as found
  refusal text;
  stopped text;
  first_leg int;
  leg int := 1;
  place int;
  own int;
  balance numeric;
BEGIN
  -- 1. the shape
  IF EXISTS (
    SELECT FROM generate_series(1, legs) AS k
    GROUP BY p_leg_entry[k], p_leg_currency[k]
    HAVING sum(p_leg_amount[k]) <> 0
      OR bool_or(p_leg_amount[k] IS NULL OR p_leg_amount[k] = 0 OR p_leg_amount[k] <> trunc(p_leg_amount[k]))
  ) THEN
    RAISE EXCEPTION 'an entry must sum to zero in every currency, over whole amounts that are not zero' USING ERRCODE = 'DW003';
  END IF;

  -- 2. the locks. The newest day that was counted comes along, so that a clock that is set back begins no day a second time.
  SELECT (max(l.day)::timestamp AT TIME ZONE 'UTC') INTO batch_at
    FROM (
      SELECT * FROM spending_limit WHERE owner_id = ANY (spenders) AND scope = 'TOTAL' ORDER BY owner_id FOR NO KEY UPDATE
    ) l;
  SELECT array_agg(a.id), array_agg(a.owner_id), array_agg(a.currency), array_agg(a.status), array_agg(a.posted),
      array_agg(a.held), array_agg(a.overdraft), array_agg(a.version),
      greatest(max(a.changed_at), batch_at)
    INTO a_id, a_owner, a_currency, a_status, a_posted, a_held, a_overdraft, a_version, batch_at
    FROM (
      SELECT * FROM account
      WHERE owner_id IS NOT NULL AND id = ANY (ARRAY(
        SELECT DISTINCT p_leg_account_id[k] FROM generate_series(1, legs) AS k WHERE p_wanted[p_leg_entry[k]]))
      ORDER BY id FOR NO KEY UPDATE
    ) a;
  -- Read under the locks: who has waited for them long finds the gate as it is now. A batch of nothing but repetitions decides nothing.
  IF p_leg_held IS NULL AND true = ANY (p_wanted) THEN
    SELECT reason INTO stopped FROM posting_gate WHERE one AND stopped_at IS NOT NULL;
    IF stopped IS NOT NULL THEN
      RAISE EXCEPTION 'posting is stopped: %', stopped USING ERRCODE = 'DW010';
    END IF;
  END IF;
  -- Taken under the locks, so that the times of an account never fall; whole milliseconds, because that is what leaves here.
  batch_at := greatest(batch_at, date_trunc('milliseconds', clock_timestamp()));
  at_text := to_char(batch_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

  SELECT array_agg(a.id), array_agg(a.owner_id), array_agg(a.currency) INTO s_id, s_owner, s_currency
    FROM account a WHERE a.owner_id IS NULL AND a.id = ANY (p_leg_account_id);
  a_id := a_id || s_id;
  a_owner := a_owner || s_owner;
  a_currency := a_currency || s_currency;

  -- Pairs each leg with its account by sorting both together, in place of a join.
  SELECT array_agg(paired.place ORDER BY paired.leg) FILTER (WHERE paired.leg IS NOT NULL) INTO l_place
    FROM (
      SELECT b.leg, max(b.place) OVER (PARTITION BY b.id) AS place
      FROM (
        SELECT a.id, NULL::bigint AS leg, a.place FROM unnest(a_id) WITH ORDINALITY AS a (id, place)
        UNION ALL
        SELECT l.id, l.leg, NULL FROM unnest(p_leg_account_id) WITH ORDINALITY AS l (id, leg)
      ) b
    ) paired;

  -- The limits are read after their lock was had: only now is everything there that was counted, or set, before.
  IF spenders <> '{}' THEN
    today := (batch_at AT TIME ZONE 'UTC')::date;
    this_month := date_trunc('month', today::timestamp)::date;
    SELECT array_agg(l.owner_id), array_agg(l.scope), array_agg(l.daily), array_agg(l.monthly),
        array_agg(CASE WHEN l.day = today THEN l.day_spent ELSE 0 END),
        array_agg(CASE WHEN l.month = this_month THEN l.month_spent ELSE 0 END), array_agg(false)
      INTO c_owner, c_scope, c_daily, c_monthly, c_day_spent, c_month_spent, c_counted
      FROM spending_limit l WHERE l.owner_id = ANY (spenders);
    -- As above: each entry beside its total and its currency's limit.
    SELECT array_agg(paired.place ORDER BY paired.entry) FILTER (WHERE paired.entry IS NOT NULL AND paired.scope = 'TOTAL'),
        array_agg(paired.place ORDER BY paired.entry) FILTER (WHERE paired.entry IS NOT NULL AND paired.scope <> 'TOTAL')
      INTO e_total, e_own
      FROM (
        SELECT b.entry, b.scope, max(b.place) OVER (PARTITION BY b.owner, b.scope COLLATE "C") AS place
        FROM (
          SELECT c.owner, c.scope, NULL::bigint AS entry, c.place
            FROM unnest(c_owner, c_scope) WITH ORDINALITY AS c (owner, scope, place)
          UNION ALL
          SELECT p_spent_by[e], 'TOTAL', e, NULL FROM generate_series(1, entries) AS e
          UNION ALL
          SELECT p_spent_by[e], coalesce(p_spent_currency[e], ''), e, NULL FROM generate_series(1, entries) AS e
        ) b
      ) paired;
  END IF;

  -- 3. the verdicts
  FOR i IN 1..entries LOOP
    first_leg := leg;
    WHILE leg <= legs AND p_leg_entry[leg] = i LOOP
      leg := leg + 1;
    END LOOP;
    IF leg = first_leg THEN
      RAISE EXCEPTION 'entry % has no legs, or they do not stand in the order of the entries', i USING ERRCODE = 'DW003';
    END IF;
    CONTINUE WHEN NOT p_wanted[i];
    refusal := NULL;
    FOR k IN first_leg..leg - 1 LOOP
      place := l_place[k];
      IF place IS NULL THEN
        refusal := 'UNKNOWN_ACCOUNT';
      ELSIF a_currency[place] <> p_leg_currency[k] THEN
        refusal := 'CURRENCY_MISMATCH';
      ELSIF a_owner[place] IS NOT NULL THEN
        balance := a_posted[place] + p_leg_amount[k];
        IF a_status[place] <> 'ACTIVE' AND (a_status[place] = 'CLOSED' OR coalesce(p_leg_held[k], 0) >= 0) THEN
          refusal := 'ACCOUNT_' || a_status[place];
        ELSIF p_leg_amount[k] < 0 AND balance - a_held[place] - coalesce(p_leg_held[k], 0) + a_overdraft[place] < 0 THEN
          refusal := 'INSUFFICIENT_FUNDS';
        ELSIF balance > largest THEN
          refusal := 'BALANCE_TOO_LARGE';
        ELSE
          a_posted[place] := balance;
          a_version[place] := a_version[place] + 1;
          l_posted[k] := balance;
          l_version[k] := a_version[place];
          IF p_leg_held IS NOT NULL THEN
            a_held[place] := a_held[place] + coalesce(p_leg_held[k], 0);
            l_held[k] := a_held[place];
          END IF;
        END IF;
      END IF;
      EXIT WHEN refusal IS NOT NULL;
    END LOOP;
    IF refusal IS NULL AND p_spent_by[i] IS NOT NULL THEN
      place := e_total[i];
      own := e_own[i];
      IF place IS NULL THEN
        RAISE EXCEPTION 'entry % is spent by a customer without an account', i USING ERRCODE = 'DW003';
      ELSIF c_day_spent[place] + p_spent_usd[i] > least(c_daily[place], p_daily_usd[i])
        OR c_month_spent[place] + p_spent_usd[i] > least(c_monthly[place], p_monthly_usd[i])
        OR c_day_spent[own] + p_spent_amount[i] > c_daily[own]
        OR c_month_spent[own] + p_spent_amount[i] > c_monthly[own]
      THEN
        refusal := 'LIMIT_EXCEEDED';
      ELSE
        c_day_spent[place] := c_day_spent[place] + p_spent_usd[i];
        c_month_spent[place] := c_month_spent[place] + p_spent_usd[i];
        c_counted[place] := true;
        IF own IS NOT NULL THEN
          c_day_spent[own] := c_day_spent[own] + p_spent_amount[i];
          c_month_spent[own] := c_month_spent[own] + p_spent_amount[i];
          c_counted[own] := true;
        END IF;
      END IF;
    END IF;
    verdicts[i] := coalesce(refusal, 'POSTED');
    IF refusal IS NOT NULL THEN
      -- Takes back the legs that went well before the one that did not.
      FOR k IN first_leg..leg - 1 LOOP
        CONTINUE WHEN l_version[k] IS NULL;
        a_posted[l_place[k]] := a_posted[l_place[k]] - p_leg_amount[k];
        a_version[l_place[k]] := a_version[l_place[k]] - 1;
        IF p_leg_held IS NOT NULL THEN
          a_held[l_place[k]] := a_held[l_place[k]] - coalesce(p_leg_held[k], 0);
        END IF;
        l_posted[k] := NULL;
        l_version[k] := NULL;
      END LOOP;
    END IF;
  END LOOP;
  IF leg <= legs THEN
    RAISE EXCEPTION 'leg % belongs to no entry, or not in their order', leg USING ERRCODE = 'DW003';
  END IF;

  -- 4. the rows
  INSERT INTO entry (id, kind, transfer_id, description, at, spent_by, spent_usd)
    SELECT p_entry_id[e], p_kind[e], p_transfer_id[e], p_description[e], batch_at, p_spent_by[e], p_spent_usd[e]
    FROM generate_series(1, entries) AS e WHERE verdicts[e] = 'POSTED';
  INSERT INTO posting (id, entry_id, account_id, currency, amount, line_type, counterparty, at)
    SELECT p_leg_posting_id[k], p_entry_id[p_leg_entry[k]], p_leg_account_id[k], p_leg_currency[k], p_leg_amount[k],
      p_leg_line_type[k], p_leg_counterparty[k], batch_at
    FROM generate_series(1, legs) AS k WHERE verdicts[p_leg_entry[k]] = 'POSTED';
  INSERT INTO balance_changes (account_id, version, posted, held, overdraft, posting_id, amount, at)
    SELECT p_leg_account_id[k], l_version[k], l_posted[k], coalesce(l_held[k], a_held[l_place[k]]), a_overdraft[l_place[k]], p_leg_posting_id[k],
      p_leg_amount[k], batch_at
    FROM generate_series(1, legs) AS k WHERE l_version[k] IS NOT NULL;
  UPDATE account a SET posted = a_posted[n], held = a_held[n], version = a_version[n], changed_at = batch_at
    FROM generate_series(1, array_length(a_version, 1)) AS n
    WHERE a.id = a_id[n] AND a.version <> a_version[n];
  IF true = ANY (c_counted) THEN
    UPDATE spending_limit l SET day = today, day_spent = c_day_spent[n], month = this_month,
        month_spent = c_month_spent[n]
      FROM generate_series(1, array_length(c_owner, 1)) AS n
      WHERE l.owner_id = c_owner[n] AND l.scope = c_scope[n] AND c_counted[n];
  END IF;

  -- 5. the events, whose payloads are put together as text: that takes a third of the time of jsonb_build_object and jsonb_agg, and this
  -- is the largest part of a posting. Only counterparty and description can need escaping.
  PERFORM platform.append_events(array_agg('EntryPosted'::text), array_agg(p_entry_id[e.entry]::text), array_agg(e.payload))
    FROM (
      SELECT p_leg_entry[k] AS entry, concat(
          '{"kind":"', p_kind[p_leg_entry[k]], '","changes":[', string_agg(concat(
            '{"at":"', at_text, '","held":"', coalesce(l_held[k], a_held[l_place[k]]), '","posted":"', l_posted[k],
            '","ownerId":"', a_owner[l_place[k]], '","version":', l_version[k], ',"currency":"', p_leg_currency[k],
            '","lineType":"', p_leg_line_type[k], '","accountId":"', p_leg_account_id[k],
            '","overdraft":"', a_overdraft[l_place[k]], '","postingId":"', p_leg_posting_id[k],
            '","amountMinor":"', p_leg_amount[k],
            '","description":', coalesce(to_json(p_description[p_leg_entry[k]])::text, 'null'),
            ',"counterparty":', coalesce(to_json(p_leg_counterparty[k])::text, 'null'), '}'), ',' ORDER BY k),
          '],"entryId":"', p_entry_id[p_leg_entry[k]],
          '","transferId":', coalesce('"' || p_transfer_id[p_leg_entry[k]] || '"', 'null'), '}') AS payload
      FROM generate_series(1, legs) AS k
      WHERE l_version[k] IS NOT NULL
      GROUP BY p_leg_entry[k]
      ORDER BY p_leg_entry[k]
    ) e
    HAVING count(*) > 0;

  RETURN QUERY SELECT e.no::int, e.verdict, CASE WHEN e.verdict = 'POSTED' THEN batch_at END
    FROM unnest(verdicts) WITH ORDINALITY AS e (verdict, no);
END $$;

-- What services post with. The body is one call and in SQL, which is the least that a second function can cost.
CREATE FUNCTION post_batch(
  p_entry_id uuid[], p_kind text[], p_transfer_id uuid[], p_description text[], p_wanted boolean[],
  p_leg_entry int[], p_leg_posting_id uuid[], p_leg_account_id uuid[], p_leg_currency text[], p_leg_amount numeric[],
  p_leg_line_type text[], p_leg_counterparty text[],
  p_spent_by uuid[] DEFAULT NULL, p_spent_usd numeric[] DEFAULT NULL, p_daily_usd numeric[] DEFAULT NULL,
  p_monthly_usd numeric[] DEFAULT NULL, p_spent_currency text[] DEFAULT NULL, p_spent_amount numeric[] DEFAULT NULL
) RETURNS TABLE (entry_no int, verdict text, posted_at timestamptz)
  LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp
  SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
  SELECT * FROM post_batch_with_holds(p_entry_id, p_kind, p_transfer_id, p_description, p_wanted, p_leg_entry, p_leg_posting_id,
    p_leg_account_id, p_leg_currency, p_leg_amount, p_leg_line_type, p_leg_counterparty, p_spent_by, p_spent_usd, p_daily_usd,
    p_monthly_usd, p_spent_currency, p_spent_amount)
$$;

GRANT EXECUTE ON FUNCTION post_batch TO dwaybank_transfer, dwaybank_ledger;
