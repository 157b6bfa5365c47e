import type { Queryable } from '../platform/db.ts';
import { newId, type AccountId, type HoldId, type PocketId } from '../platform/ids.ts';
import { toBalance, type BalanceRow, type LedgerBalance } from './balances.ts';

/*
 * Money of an account that its owner has set aside: a hold without an end, so that one sum (`available`) decides about everything.
 * The SQL functions of the same names decide under the account's lock; docs/decisions/0011-pockets.md says why.
 */

/** Why nothing was done; nothing was changed then. */
export type PocketVerdictRefusal =
  | 'UNKNOWN_ACCOUNT'
  | 'UNKNOWN_POCKET'
  | 'POCKET_CLOSED'
  | 'ACCOUNT_FROZEN'
  | 'ACCOUNT_CLOSED'
  | 'INSUFFICIENT_FUNDS'
  | 'POCKET_INSUFFICIENT'
  | 'TOO_MANY_POCKETS';

/** A pocket's money; what it is called, wallet knows. */
export interface LedgerPocket {
  id: PocketId;
  accountId: AccountId;
  currency: string;
  balanceMinor: bigint;
  closedAt: Date | null;
}

/** Adds an empty pocket to an account, unless it has `most` open ones. Null: it is there. */
export async function openPocket(
  db: Queryable,
  { id, accountId, most }: { id: PocketId; accountId: AccountId; most: number },
): Promise<PocketVerdictRefusal | null> {
  return verdictOf(db, 'ledger-open-pocket', 'ledger.open_pocket($1, $2, $3)', [id, accountId, most]);
}

/** Moves money into a pocket, or out of it for an amount below zero. Null: it is done. */
export async function movePocket(
  db: Queryable,
  id: PocketId,
  amountMinor: bigint,
): Promise<PocketVerdictRefusal | null> {
  const values = [id, amountMinor.toString(), newId<HoldId>()];
  return verdictOf(db, 'ledger-move-pocket', 'ledger.move_pocket($1, $2, $3)', values);
}

/** Ends a pocket and frees what it holds; one that has ended stays so. Null: it is closed. */
export async function closePocket(db: Queryable, id: PocketId): Promise<PocketVerdictRefusal | null> {
  return verdictOf(db, 'ledger-close-pocket', 'ledger.close_pocket($1)', [id]);
}

const DONE = new Set(['OPENED', 'MOVED', 'CLOSED', 'UNCHANGED']);

async function verdictOf(
  db: Queryable,
  name: string,
  call: string,
  values: unknown[],
): Promise<PocketVerdictRefusal | null> {
  const { rows } = await db.query<{ verdict: string }>({ name, text: `SELECT ${call} AS verdict`, values });
  const { verdict } = rows[0]!;
  // The functions give no other verdicts than these.
  return DONE.has(verdict) ? null : (verdict as PocketVerdictRefusal);
}

const INSIDE = 'coalesce(h.amount - h.captured - h.released, 0)';

interface PocketRow {
  id: PocketId;
  account_id: AccountId;
  currency: string;
  inside: string;
  closed_at: Date | null;
}

const POCKETS = `SELECT p.id, p.account_id, a.currency, ${INSIDE} AS inside, p.closed_at
  FROM ledger.pocket p JOIN ledger.account a ON a.id = p.account_id LEFT JOIN ledger.hold h ON h.id = p.hold_id`;

function toPocket({ id, account_id: accountId, currency, inside, closed_at: closedAt }: PocketRow): LedgerPocket {
  return { id, accountId, currency, balanceMinor: BigInt(inside), closedAt };
}

/** Pockets by id, closed ones too; what does not exist is missing. */
export async function pocketsByIds(
  db: Queryable,
  ids: readonly PocketId[],
): Promise<ReadonlyMap<PocketId, LedgerPocket>> {
  const { rows } = await db.query<PocketRow>({
    name: 'ledger-pockets-by-ids',
    text: `${POCKETS} WHERE p.id = ANY ($1::uuid[])`,
    values: [ids],
  });
  return new Map(rows.map((row) => [row.id, toPocket(row)]));
}

/** The open pockets of accounts, oldest first. */
export async function openPocketsOf(db: Queryable, accountIds: readonly AccountId[]): Promise<LedgerPocket[]> {
  const { rows } = await db.query<PocketRow>({
    name: 'ledger-open-pockets-of',
    text: `${POCKETS} WHERE p.account_id = ANY ($1::uuid[]) AND p.closed_at IS NULL ORDER BY p.id`,
    values: [accountIds],
  });
  return rows.map(toPocket);
}

/** An account's balance, and how much of what is held is in its pockets: of one moment, so that it adds up. */
export interface BalanceWithPockets extends LedgerBalance {
  currency: string;
  pocketsMinor: bigint;
}

/** Balances with what is in pockets; what does not exist is missing. One statement, and so one moment. */
export async function balancesWithPockets(
  db: Queryable,
  ids: readonly AccountId[],
): Promise<ReadonlyMap<AccountId, BalanceWithPockets>> {
  const { rows } = await db.query<BalanceRow & { currency: string; pockets: string }>({
    name: 'ledger-balances-with-pockets',
    text: `SELECT a.id AS account_id, a.currency, a.posted, a.held, a.overdraft, a.version, a.changed_at AS at,
             coalesce((SELECT sum(${INSIDE}) FROM ledger.pocket p JOIN ledger.hold h ON h.id = p.hold_id
                       WHERE p.account_id = a.id), 0) AS pockets
           FROM ledger.account a WHERE a.id = ANY ($1::uuid[]) AND a.owner_id IS NOT NULL`,
    values: [ids],
  });
  return new Map(
    rows.map((row) => [
      row.account_id,
      { ...toBalance(row), currency: row.currency, pocketsMinor: BigInt(row.pockets) },
    ]),
  );
}
