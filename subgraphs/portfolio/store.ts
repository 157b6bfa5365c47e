import type { Pool } from 'pg';
import { PrismaClient, type OutsideAccount as OutsideRow } from '../../prisma/portfolio/client/client.ts';
import { prismaAdapter, type Queryable } from '../../platform/db.ts';
import type { BalanceChange, EventPayloads } from '../../platform/events.ts';
import { groupBy } from '../../platform/group-by.ts';
import { isCurrency } from '../../platform/money.ts';
import type { OutsideAccount, OwnedAccount } from './domain.ts';
import { readRatesOfDays } from './rates-store.ts';

/** The tables of portfolio. */
export interface PortfolioStore {
  /** Each person's accounts, oldest first. */
  findAccounts(ownerIds: readonly string[]): Promise<Map<string, OwnedAccount[]>>;
  /** Each person's outside accounts whose balance is known, and a number that grows with every change of any of them. */
  findOutside(ownerIds: readonly string[]): Promise<Map<string, OutsideAccounts>>;
  /** What a person had just before each of these moments, in their order: minor units by currency. One statement. */
  balancesBefore(ownerId: string, moments: readonly Date[]): Promise<Map<string, bigint>[]>;
  /** See readRatesOfDays. */
  ratesOfDays(currencies: readonly string[], days: readonly string[]): Promise<Record<string, string>[]>;
  close(): Promise<void>;
}

export interface OutsideAccounts {
  accounts: OutsideAccount[];
  changes: number;
}

export function createPortfolioStore(pool: Pool): PortfolioStore {
  const prisma = new PrismaClient({ adapter: prismaAdapter(pool, 'portfolio') });
  return {
    async findAccounts(ownerIds) {
      const rows = await prisma.account.findMany({
        where: { ownerId: { in: [...ownerIds] } },
        orderBy: [{ openedAt: { sort: 'asc', nulls: 'last' } }, { id: 'asc' }],
      });
      const accounts = rows.map(({ id, ownerId, currency, version, posted }) => ({
        ownerId,
        account: { id, currency, version: Number(version), postedMinor: BigInt(posted.toFixed(0)) },
      }));
      const byOwner = groupBy(accounts, ({ ownerId }) => ownerId);
      return new Map([...byOwner].map(([ownerId, group]) => [ownerId, group.map(({ account }) => account)]));
    },
    async findOutside(ownerIds) {
      const rows = await prisma.outsideAccount.findMany({ where: { ownerId: { in: [...ownerIds] } } });
      const byOwner = groupBy(rows, ({ ownerId }) => ownerId);
      return new Map([...byOwner].map(([ownerId, group]) => [ownerId, toOutsideAccounts(group)]));
    },
    balancesBefore: (ownerId, moments) => balancesBefore(pool, ownerId, moments),
    ratesOfDays: (currencies, days) => readRatesOfDays(pool, currencies, days),
    close: () => prisma.$disconnect(),
  };
}

function toOutsideAccounts(rows: readonly OutsideRow[]): OutsideAccounts {
  return {
    // Those that were disconnected still count: their going is a change.
    changes: rows.reduce((sum, { changes }) => sum + Number(changes), 0),
    accounts: rows.flatMap(({ paymentMethodId, currency, balance, seenAt, balanceAsOf, disconnected }) =>
      disconnected || currency === null || balance === null || seenAt === null
        ? []
        : [{ paymentMethodId, currency, balanceMinor: BigInt(balance.toFixed(0)), seenAt: balanceAsOf ?? seenAt }],
    ),
  };
}

/** For each moment and account one step into the index; a query builder has no words for that. */
async function balancesBefore(
  db: Queryable,
  ownerId: string,
  moments: readonly Date[],
): Promise<Map<string, bigint>[]> {
  const { rows } = await db.query<{ balances: Record<string, string> | null }>({
    name: 'portfolio-balances-before',
    text: `SELECT jsonb_object_agg(currency, total) FILTER (WHERE currency IS NOT NULL) AS balances
           FROM (SELECT asked.place, account.currency, sum(last.posted)::text AS total
                 FROM unnest($2::timestamptz[]) WITH ORDINALITY AS asked (moment, place)
                 LEFT JOIN (account CROSS JOIN LATERAL (
                   SELECT posted FROM balance
                   WHERE balance.account_id = account.id AND balance.at < asked.moment
                   ORDER BY at DESC, version DESC LIMIT 1
                 ) AS last) ON account.owner_id = $1
                 GROUP BY asked.place, account.currency) AS had
           GROUP BY place ORDER BY place`,
    values: [ownerId, moments],
  });
  return rows.map(
    ({ balances }) => new Map(Object.entries(balances ?? {}).map(([currency, total]) => [currency, BigInt(total)])),
  );
}

/** Notes new accounts, within the transaction of the listener's cursor. A posting may have been here before. */
export async function recordAccounts(tx: Queryable, opened: readonly EventPayloads['AccountOpened'][]): Promise<void> {
  if (opened.length === 0) return;
  await tx.query({
    name: 'portfolio-record-accounts',
    text: `INSERT INTO account (id, owner_id, currency, opened_at)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[])
           ON CONFLICT (id) DO UPDATE SET opened_at = excluded.opened_at`,
    values: [
      opened.map(({ accountId }) => accountId),
      opened.map(({ ownerId }) => ownerId),
      opened.map(({ currency }) => currency),
      opened.map(({ at }) => at),
    ],
  });
}

/**
 * Notes balances, within the transaction of the listener's cursor. Each carries the whole balance, so a version that was
 * skipped does no harm, and an older one changes only the history.
 */
export async function recordBalances(tx: Queryable, changes: readonly BalanceChange[]): Promise<void> {
  if (changes.length === 0) return;
  await tx.query({
    name: 'portfolio-record-balances',
    text: `WITH change AS (
             SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::numeric[], $6::timestamptz[])
               AS change (account_id, owner_id, currency, version, posted, at)
           ), history AS (
             INSERT INTO balance (account_id, version, posted, at)
             SELECT account_id, version, posted, at FROM change
             ON CONFLICT (account_id, version) DO NOTHING
           )
           INSERT INTO account (id, owner_id, currency, version, posted)
           SELECT DISTINCT ON (account_id) account_id, owner_id, currency, version, posted
           FROM change ORDER BY account_id, version DESC
           ON CONFLICT (id) DO UPDATE SET version = excluded.version, posted = excluded.posted
           WHERE account.version < excluded.version`,
    values: [
      changes.map(({ accountId }) => accountId),
      changes.map(({ ownerId }) => ownerId),
      changes.map(({ currency }) => currency),
      changes.map(({ version }) => version),
      changes.map(({ posted }) => posted),
      changes.map(({ at }) => at),
    ],
  });
}

/**
 * Notes what outside accounts said, within the transaction of the listener's cursor. What was seen earlier than what is known
 * changes nothing. Whether they are linked is another fact: see recordLinks.
 */
export async function recordOutside(
  tx: Queryable,
  synced: readonly EventPayloads['PaymentMethodSynced'][],
): Promise<void> {
  const rows = newestOfEach(synced);
  if (rows.length === 0) return;
  const isKnown = ({ balanceMinor, currency }: EventPayloads['PaymentMethodSynced']) =>
    balanceMinor !== null && currency !== null && isCurrency(currency);
  await tx.query({
    name: 'portfolio-record-outside',
    text: `INSERT INTO outside_account AS known (payment_method_id, owner_id, currency, balance, seen_at, balance_as_of)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::numeric[], $5::timestamptz[], $6::timestamptz[])
           ON CONFLICT (payment_method_id) DO UPDATE SET
             currency = excluded.currency, balance = excluded.balance, seen_at = excluded.seen_at,
             balance_as_of = excluded.balance_as_of,
             changes = known.changes + 1
           WHERE known.seen_at IS NULL OR known.seen_at <= excluded.seen_at`,
    values: [
      rows.map(({ paymentMethodId }) => paymentMethodId),
      rows.map(({ ownerId }) => ownerId),
      rows.map((row) => (isKnown(row) ? row.currency : null)),
      rows.map((row) => (isKnown(row) ? row.balanceMinor : null)),
      rows.map(({ at }) => at),
      rows.map(({ balanceAsOf }) => balanceAsOf),
    ],
  });
}

/** That an outside account was linked, or linked no longer. */
export interface LinkFact {
  paymentMethodId: string;
  ownerId: string;
  linked: boolean;
  at: string;
}

/**
 * Notes which outside accounts are linked, within the transaction of the listener's cursor. `facts` are in the order of the log;
 * the newest counts, so that one that was disconnected and linked again is back.
 */
export async function recordLinks(tx: Queryable, facts: readonly LinkFact[]): Promise<void> {
  const rows = newestOfEach(facts);
  if (rows.length === 0) return;
  await tx.query({
    name: 'portfolio-record-links',
    text: `INSERT INTO outside_account AS known (payment_method_id, owner_id, disconnected, linked_at)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::boolean[], $4::timestamptz[])
           ON CONFLICT (payment_method_id) DO UPDATE SET
             disconnected = excluded.disconnected, linked_at = excluded.linked_at,
             changes = known.changes + (known.disconnected <> excluded.disconnected)::integer
           WHERE known.linked_at IS NULL OR known.linked_at <= excluded.linked_at`,
    values: [
      rows.map(({ paymentMethodId }) => paymentMethodId),
      rows.map(({ ownerId }) => ownerId),
      rows.map(({ linked }) => !linked),
      rows.map(({ at }) => at),
    ],
  });
}

/**
 * Of each payment method the newest fact, and of equal moments the later one of the log: one statement cannot change a row twice.
 * The moment decides because the log sorts by transaction ids, which are given before a lock is waited for.
 */
function newestOfEach<Fact extends { paymentMethodId: string; at: string }>(facts: readonly Fact[]): Fact[] {
  const newest = new Map<string, Fact>();
  for (const fact of facts) {
    const known = newest.get(fact.paymentMethodId);
    if (!known || Date.parse(known.at) <= Date.parse(fact.at)) newest.set(fact.paymentMethodId, fact);
  }
  return [...newest.values()];
}
