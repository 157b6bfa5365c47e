import { sqlState, type Queryable } from '../platform/db.ts';
import type { AccountKind } from '../platform/events.ts';
import type { AccountId, UserId } from '../platform/ids.ts';
import { Refusal } from '../platform/refusal.ts';
import { toBalance, type BalanceRow, type LedgerBalance } from './balances.ts';
import type { SystemAccountKind } from './entry.ts';

/** Whether an account can be used; the graph's enum. */
export type AccountStatus = 'ACTIVE' | 'FROZEN' | 'CLOSED';

/** A customer's account, without its balance. */
export interface LedgerAccount {
  id: AccountId;
  ownerId: UserId;
  currency: string;
  kind: AccountKind;
  status: AccountStatus;
  openedAt: Date;
}

/** An account as it was when it was read. What decides about money reads it again, under its lock. */
export interface AccountWithBalance extends LedgerAccount {
  balance: LedgerBalance;
}

/** SQLSTATE of "no such currency". */
const UNSUPPORTED_CURRENCY = 'DW001';

/** Opens a customer's account at zero. Throws Refusal UNSUPPORTED_CURRENCY. */
export async function openAccount(
  db: Queryable,
  { id, ownerId, currency, kind }: { id: AccountId; ownerId: UserId; currency: string; kind: AccountKind },
): Promise<void> {
  try {
    await db.query({
      name: 'ledger-open-account',
      text: 'SELECT ledger.open_account($1, $2, $3, $4)',
      values: [id, ownerId, currency, kind],
    });
  } catch (error) {
    if (sqlState(error) === UNSUPPORTED_CURRENCY) throw new Refusal('UNSUPPORTED_CURRENCY', ['currency']);
    throw error;
  }
}

/** The bank's own account of a kind in a currency, for what is with a provider ('': with none); made on first use. */
export async function systemAccount(
  db: Queryable,
  kind: SystemAccountKind,
  currency: string,
  provider = '',
): Promise<AccountId> {
  const { rows } = await db.query<{ id: AccountId }>({
    name: 'ledger-system-account',
    text: 'SELECT ledger.system_account($1, $2, $3) AS id',
    values: [kind, currency, provider],
  });
  return rows[0]!.id;
}

const ACCOUNT = `id AS account_id, owner_id, currency, kind, status, opened_at,
  posted, held, overdraft, version, changed_at AS at`;

interface AccountRow extends BalanceRow {
  owner_id: UserId;
  currency: string;
  kind: AccountKind;
  status: AccountStatus;
  opened_at: Date;
}

function toAccount(row: AccountRow): AccountWithBalance {
  const { account_id: id, owner_id: ownerId, currency, kind, status, opened_at: openedAt } = row;
  return { id, ownerId, currency, kind, status, openedAt, balance: toBalance(row) };
}

/** Customer accounts by id; what does not exist is missing from the map. */
export async function accountsByIds(
  db: Queryable,
  ids: readonly AccountId[],
): Promise<ReadonlyMap<AccountId, AccountWithBalance>> {
  const { rows } = await db.query<AccountRow>({
    name: 'ledger-accounts-by-ids',
    // Through (SELECT $1) Postgres cannot see how many ids there are, and so keeps one plan in place of planning for every call.
    text: `SELECT ${ACCOUNT} FROM ledger.account WHERE id = ANY ((SELECT $1::uuid[])::uuid[]) AND owner_id IS NOT NULL`,
    values: [ids],
  });
  return new Map(rows.map((row) => [row.account_id, toAccount(row)]));
}

/** A person's accounts, oldest first: at most `limit` of them, after the account with id `after` (ids sort by time). */
export async function accountsOf(
  db: Queryable,
  ownerId: UserId,
  { after, limit }: { after: AccountId | null; limit: number },
): Promise<AccountWithBalance[]> {
  const { rows } = await db.query<AccountRow>({
    name: 'ledger-accounts-of',
    text: `SELECT ${ACCOUNT} FROM ledger.account
           WHERE owner_id = $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3`,
    values: [ownerId, after, limit],
  });
  return rows.map(toAccount);
}

/** Where money for a person goes when only the person is named: the oldest ACTIVE PERSONAL account in the currency. */
export async function receivingAccount(
  db: Queryable,
  ownerId: UserId,
  currency: string,
): Promise<AccountWithBalance | null> {
  const { rows } = await db.query<AccountRow>({
    name: 'ledger-receiving-account',
    text: `SELECT ${ACCOUNT} FROM ledger.account WHERE id = ledger.receiving_account($1, $2)`,
    values: [ownerId, currency],
  });
  return rows[0] ? toAccount(rows[0]) : null;
}
