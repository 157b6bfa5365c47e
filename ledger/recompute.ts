import type { Queryable } from '../platform/db.ts';
import type { AccountId } from '../platform/ids.ts';
import type { Finding } from './check.ts';

/*
 * The second computation of all balances. check.ts asks the database whether running balances fit their postings; here the postings are added
 * up by way of their entries, carried over from proof to proof, and compared with the accounts in this process. What one of the two
 * computes wrong, the other does not.
 *
 *   complete       all postings there are
 *   from a proof   what that proof has added up (ledger.proved_sum: all entries of transactions below its horizon), and all postings since
 *
 * The horizon of a proof is the oldest transaction that was open: everything below it had ended, so that nothing can be added there later.
 */

/** A proof that was good. */
export interface Checkpoint {
  /** The proof's number, 1, 2, 3 … */
  number: bigint;
  horizon: bigint;
}

/** What the postings of one account below the horizon add up to. */
export interface SettledSum {
  accountId: AccountId;
  currency: string;
  total: bigint;
}

/** What adding up has shown. */
export interface Recomputation {
  findings: Finding[];
  /** Everything below this transaction is in `sums` (and in the checkpoint it began from). */
  horizon: bigint;
  sums: SettledSum[];
}

const MAX_FINDINGS = 100;
const ACCOUNTS_AT_ONCE = 5_000;

/* From entries to postings. The time bound lets the index on time find them; `at` is one and the same for both. */
const SUMS = `
  WITH counted AS MATERIALIZED (SELECT id, xid, at FROM ledger.entry WHERE $1::bigint IS NULL OR xid >= $1)
  SELECT p.account_id, p.currency, sum(p.amount) AS total, sum(p.amount) FILTER (WHERE e.xid IS NULL OR e.xid < $2) AS settled
  FROM counted e JOIN ledger.posting p ON p.entry_id = e.id AND p.at = e.at
  WHERE p.at >= (SELECT min(at) FROM counted)
  GROUP BY p.account_id, p.currency`;

interface SumRow {
  account_id: AccountId;
  currency: string;
  total: string;
  settled: string | null;
}

interface AccountRow {
  id: AccountId;
  owner_id: string | null;
  currency: string;
  posted: string;
  held: string;
  promised: string;
  proved: string | null;
  proved_currency: string | null;
}

/** Adds everything up anew (`since` null), or what has come since a good proof. Call it in a REPEATABLE READ transaction: one snapshot for all. */
export async function recompute(tx: Queryable, since: Checkpoint | null): Promise<Recomputation> {
  const horizon = await readHorizon(tx);
  const { rows } = await tx.query<SumRow>({ text: SUMS, values: [since?.horizon ?? null, horizon] });
  const added = new Map(rows.map((row) => [`${row.account_id} ${row.currency}`, row]));
  const findings = createFindings();
  const sums: SettledSum[] = [];
  const perCurrency = new Map<string, bigint>();
  for (let after: AccountId | null = null; ;) {
    const accounts = await readAccounts(tx, after, since !== null);
    for (const account of accounts) {
      const key = `${account.id} ${account.currency}`;
      const fresh = added.get(key);
      added.delete(key);
      const proved = BigInt(account.proved ?? 0);
      const total = proved + BigInt(fresh?.total ?? 0);
      perCurrency.set(account.currency, (perCurrency.get(account.currency) ?? 0n) + total);
      compare(account, total, findings.add);
      if (fresh)
        sums.push({ accountId: account.id, currency: account.currency, total: proved + BigInt(fresh.settled ?? 0) });
    }
    after = accounts.at(-1)?.id ?? null;
    if (accounts.length < ACCOUNTS_AT_ONCE) break;
  }
  for (const { account_id, currency, total } of added.values()) {
    findings.add('postings on no account of their currency', account_id, `${total} ${currency}`);
  }
  for (const [currency, total] of perCurrency) {
    if (total !== 0n) findings.add('the accounts of a currency do not add up to zero', currency, `${total}`);
  }
  return { findings: findings.found, horizon, sums };
}

function compare(
  account: AccountRow,
  total: bigint,
  add: (problem: string, subject: string, detail: string) => void,
): void {
  if (account.proved_currency !== null && account.proved_currency !== account.currency) {
    add('an account has changed its currency', account.id, `from ${account.proved_currency} to ${account.currency}`);
  }
  // The bank's own accounts have no running balance.
  if (account.owner_id === null) return;
  if (total !== BigInt(account.posted)) {
    add('a balance is not what its postings add up to', account.id, `posted ${account.posted}, added up ${total}`);
  }
  if (account.held !== account.promised) {
    add(
      'what is held is not what the open holds add up to',
      account.id,
      `held ${account.held}, added up ${account.promised}`,
    );
  }
}

async function readHorizon(tx: Queryable): Promise<bigint> {
  const { rows } = await tx.query<{ horizon: string }>({
    text: 'SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon',
  });
  return BigInt(rows[0]!.horizon);
}

/** The next accounts in the order of their ids, each with what the last good proof had for it. */
async function readAccounts(tx: Queryable, after: AccountId | null, withProved: boolean): Promise<AccountRow[]> {
  const { rows } = await tx.query<AccountRow>({
    text: `SELECT a.id, a.owner_id, a.currency, a.posted, a.held, coalesce(h.promised, 0)::text AS promised,
             s.total AS proved, s.currency AS proved_currency
           FROM (SELECT * FROM ledger.account WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2) a
           LEFT JOIN ledger.proved_sum s ON $3 AND s.account_id = a.id
           LEFT JOIN (SELECT account_id, sum(amount - captured - released) AS promised FROM ledger.hold WHERE status = 'OPEN' GROUP BY account_id) h
             ON h.account_id = a.id
           ORDER BY a.id`,
    values: [after, ACCOUNTS_AT_ONCE, withProved],
  });
  return rows;
}

function createFindings() {
  const found: Finding[] = [];
  return {
    found,
    add: (problem: string, subject: string, detail: string): void => {
      if (found.length < MAX_FINDINGS) found.push({ problem, subject, detail });
    },
  };
}
