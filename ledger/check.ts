import type { Queryable } from '../platform/db.ts';
import { formatAmount, isCurrency } from '../platform/money.ts';
import { HOLD_FINDINGS, SPENT_BY_HOLDS } from './check-holds.ts';
import { POCKET_FINDINGS } from './check-pockets.ts';
import { RECEIVABLE_FINDINGS } from './check-receivables.ts';

/** Something in the books that cannot be. */
export interface Finding {
  /** Which proof failed. */
  problem: string;
  /** Id of the account, entry or posting, or the currency. */
  subject: string;
  /** What was found there. */
  detail: string;
}

/** What a proof of the books says. */
export interface BooksReport {
  /** Sizes of what was looked at. */
  figures: {
    customerAccounts: number;
    systemAccounts: number;
    entries: number;
    postings: number;
    versions: number;
    holds: number;
    openHolds: number;
    /** Per currency: what all customers have together, and the sum over all postings, which is 0. */
    currencies: { currency: string; heldByCustomersMinor: string; sumMinor: string }[];
  };
  /** Empty when the books are right; at most MAX_FINDINGS of one problem. */
  findings: Finding[];
}

const MAX_FINDINGS = 20;

/* What customers have spent, by scope: in US cents for the total, in minor units of each currency. */
const SPENT = `
  SELECT spent_by AS owner_id, 'TOTAL' AS scope, spent_usd AS amount, at FROM ledger.entry WHERE spent_by IS NOT NULL
  UNION ALL
  SELECT e.spent_by, p.currency, -p.amount, e.at
    FROM ledger.entry e JOIN ledger.posting p ON p.entry_id = e.id AND p.amount < 0 AND p.line_type <> 'FEE'
    JOIN ledger.account a ON a.id = p.account_id AND a.owner_id = e.spent_by
  UNION ALL ${SPENT_BY_HOLDS}`;

/*
 * Each branch selects (problem, subject, detail) for what must not be. All of it is one statement and so sees one snapshot: a
 * bank that goes on posting meanwhile does not disturb the proof, because each posting commits whole.
 */
const FINDINGS = `
  SELECT 'postings of a currency do not sum to zero' AS problem, currency AS subject, 'sum ' || sum(amount) AS detail
    FROM ledger.posting GROUP BY currency HAVING sum(amount) <> 0
  UNION ALL
  SELECT 'entry does not sum to zero', entry_id::text, 'sum ' || sum(amount) || ' ' || currency
    FROM ledger.posting GROUP BY entry_id, currency HAVING sum(amount) <> 0
  UNION ALL
  SELECT 'entry without postings', e.id::text, e.kind
    FROM ledger.entry e LEFT JOIN ledger.posting p ON p.entry_id = e.id WHERE p.id IS NULL
  UNION ALL
  SELECT 'posting without entry, or of another time than its entry', p.id::text, concat('entry ', p.entry_id)
    FROM ledger.posting p LEFT JOIN ledger.entry e ON e.id = p.entry_id WHERE e.id IS NULL OR e.at <> p.at
  UNION ALL
  SELECT 'posting without account, or in another currency than its account', p.id::text, concat('account ', p.account_id, ' ', p.currency)
    FROM ledger.posting p LEFT JOIN ledger.account a ON a.id = p.account_id WHERE a.id IS NULL OR a.currency <> p.currency
  UNION ALL
  SELECT 'balance is not the sum of its postings', a.id::text, concat('balance ', a.posted, ', postings ', coalesce(p.total, 0))
    FROM ledger.account a
    LEFT JOIN (SELECT account_id, sum(amount) AS total FROM ledger.posting GROUP BY account_id) p ON p.account_id = a.id
    WHERE a.owner_id IS NOT NULL AND a.posted <> coalesce(p.total, 0)
  UNION ALL
  SELECT 'balance is not its last version', a.id::text,
      concat('version ', a.version, ' posted ', a.posted, ', last change ', c.version, ' posted ', c.posted)
    FROM ledger.account a
    LEFT JOIN (SELECT DISTINCT ON (account_id) * FROM ledger.balance_changes ORDER BY account_id, version DESC) c ON c.account_id = a.id
    WHERE (a.version, a.posted, a.held, a.overdraft, a.changed_at) IS DISTINCT FROM
      (coalesce(c.version, 0), coalesce(c.posted, 0), coalesce(c.held, 0), coalesce(c.overdraft, 0), coalesce(c.at, a.opened_at))
  UNION ALL
  SELECT 'versions have a gap', account_id::text, concat(count(*), ' versions from ', min(version), ' to ', max(version))
    FROM ledger.balance_changes GROUP BY account_id HAVING min(version) <> 1 OR max(version) <> count(*)
  UNION ALL
  SELECT 'version does not follow from the one before', account_id::text, concat('version ', version)
    FROM (
      SELECT account_id, version, at, posted - amount - coalesce(lag(posted) OVER w, 0) AS unexplained, lag(at) OVER w AS before
      FROM ledger.balance_changes WINDOW w AS (PARTITION BY account_id ORDER BY version)
    ) v WHERE unexplained <> 0 OR before > at
  UNION ALL
  SELECT 'change without account', c.account_id::text, concat('version ', c.version)
    FROM ledger.balance_changes c LEFT JOIN ledger.account a ON a.id = c.account_id AND a.owner_id IS NOT NULL WHERE a.id IS NULL
  UNION ALL
  SELECT 'customer balance below zero', id::text, concat('posted ', posted, ' held ', held, ' overdraft ', overdraft)
    FROM ledger.account WHERE owner_id IS NOT NULL AND posted - held + overdraft < 0
  UNION ALL
  SELECT 'customer balance was below zero', account_id::text, concat('version ', version, ' posted ', posted, ' held ', held)
    FROM ledger.balance_changes WHERE posted - held + overdraft < 0
  UNION ALL
  SELECT 'posting and its version do not agree', coalesce(p.id, c.posting_id)::text,
      concat('posting ', p.amount, ' on ', p.account_id, ', version ', c.version, ' ', c.amount, ' on ', c.account_id)
    FROM (SELECT p.* FROM ledger.posting p JOIN ledger.account a ON a.id = p.account_id WHERE a.owner_id IS NOT NULL) p
    FULL JOIN (SELECT * FROM ledger.balance_changes WHERE posting_id IS NOT NULL) c ON c.posting_id = p.id
    WHERE (p.account_id, p.amount, p.at) IS DISTINCT FROM (c.account_id, c.amount, c.at)
  UNION ALL
  SELECT 'posting has several versions', posting_id::text, concat(count(*), ' versions')
    FROM ledger.balance_changes WHERE posting_id IS NOT NULL GROUP BY posting_id HAVING count(*) > 1
  UNION ALL
  SELECT 'change without posting moves money', account_id::text, concat('version ', version, ' amount ', amount)
    FROM ledger.balance_changes WHERE posting_id IS NULL AND amount <> 0
  UNION ALL
  SELECT 'spending is counted wrong', concat(l.owner_id, ' ', l.scope),
      concat(l.day_spent, ' on ', l.day, ' and ', l.month_spent, ' since ', l.month, ', entries and holds say ',
        sum(s.amount) FILTER (WHERE s.at >= l.day::timestamp AT TIME ZONE 'UTC'), ' and ',
        sum(s.amount) FILTER (WHERE s.at >= l.month::timestamp AT TIME ZONE 'UTC'))
    FROM ledger.spending_limit l LEFT JOIN (${SPENT}) s ON s.owner_id = l.owner_id AND s.scope = l.scope
    GROUP BY l.owner_id, l.scope
    HAVING l.day_spent <> coalesce(sum(s.amount) FILTER (WHERE s.at >= l.day::timestamp AT TIME ZONE 'UTC'), 0)
      OR l.month_spent <> coalesce(sum(s.amount) FILTER (WHERE s.at >= l.month::timestamp AT TIME ZONE 'UTC'), 0)
  UNION ALL
  SELECT 'spending that nobody counts, or nobody pays', e.id::text, concat('customer ', e.spent_by)
    FROM ledger.entry e
    LEFT JOIN ledger.spending_limit l ON l.owner_id = e.spent_by AND l.scope = 'TOTAL'
    LEFT JOIN (SELECT DISTINCT p.entry_id, a.owner_id FROM ledger.posting p JOIN ledger.account a ON a.id = p.account_id WHERE p.amount < 0) paid
      ON paid.entry_id = e.id AND paid.owner_id = e.spent_by
    WHERE e.spent_by IS NOT NULL AND (l.owner_id IS NULL OR paid.entry_id IS NULL)
  UNION ALL ${HOLD_FINDINGS}
  UNION ALL ${POCKET_FINDINGS}
  UNION ALL ${RECEIVABLE_FINDINGS}`;

const FIGURES = `
  SELECT json_build_object(
    'customerAccounts', (SELECT count(*) FROM ledger.account WHERE owner_id IS NOT NULL),
    'systemAccounts', (SELECT count(*) FROM ledger.account WHERE owner_id IS NULL),
    'entries', (SELECT count(*) FROM ledger.entry),
    'postings', (SELECT count(*) FROM ledger.posting),
    'versions', (SELECT count(*) FROM ledger.balance_changes),
    'holds', (SELECT count(*) FROM ledger.hold),
    'openHolds', (SELECT count(*) FROM ledger.hold WHERE status = 'OPEN'),
    'currencies', (SELECT coalesce(json_agg(json_build_object(
        'currency', currency, 'heldByCustomersMinor', held_by_customers::text, 'sumMinor', total::text) ORDER BY currency), '[]')
      FROM (SELECT p.currency, sum(p.amount) AS total, coalesce(sum(p.amount) FILTER (WHERE a.owner_id IS NOT NULL), 0) AS held_by_customers
        FROM ledger.posting p LEFT JOIN ledger.account a ON a.id = p.account_id GROUP BY p.currency) c))`;

/**
 * Proves the books: every currency and every entry sums to zero, every balance is the sum of its postings and its last
 * version, versions run 1, 2, 3 … each following from the one before, no customer is below zero, what is held is what open holds
 * hold, captures are what was posted, what customers owe is what lies on the receivable accounts, and what counts against the spending
 * limits is what was spent or is held to be spent. Needs SELECT only, and is right beside a bank that goes on posting.
 */
export async function proveBooks(db: Queryable): Promise<BooksReport> {
  const { rows } = await db.query<{ figures: BooksReport['figures']; findings: Finding[] }>({
    text: `SELECT (${FIGURES}) AS figures, ${limitedFindings(FINDINGS)} AS findings`,
  });
  return rows[0]!;
}

/** An SQL expression: the findings of a query as JSON, at most MAX_FINDINGS of one problem. */
export function limitedFindings(findings: string): string {
  return `(SELECT coalesce(json_agg(json_build_object('problem', problem, 'subject', subject, 'detail', detail)), '[]')
    FROM (SELECT *, row_number() OVER (PARTITION BY problem ORDER BY subject) AS place FROM (${findings}) f) f
    WHERE place <= ${MAX_FINDINGS})`;
}

/** The report for a person; its last line is `books ok` only when they are. */
export function formatBooksReport({ figures, findings }: BooksReport): string {
  const { customerAccounts, systemAccounts, entries, postings, versions, holds, openHolds, currencies } = figures;
  return [
    `accounts   ${customerAccounts} of customers, ${systemAccounts} of the bank`,
    `entries    ${entries} with ${postings} postings`,
    `versions   ${versions}`,
    `holds      ${holds}, ${openHolds} of them open`,
    ...currencies.map(
      ({ currency, heldByCustomersMinor, sumMinor }) =>
        `${currency.padEnd(10)} customers have ${readable(heldByCustomersMinor, currency)}; all postings sum to ${readable(sumMinor, currency)}`,
    ),
    ...findings.map(({ problem, subject, detail }) => `WRONG      ${problem}: ${subject} (${detail})`),
    findings.length === 0 ? 'books ok' : 'BOOKS NOT OK',
  ].join('\n');
}

/** Major units, as customers read them; books that were tampered with may hold a currency that nobody knows. */
function readable(amountMinor: string, currency: string): string {
  return isCurrency(currency) ? formatAmount(BigInt(amountMinor), currency) : `${amountMinor} minor units`;
}
