import type { LedgerAccount } from '../../ledger/accounts.ts';
import type { LedgerRefusal } from '../../ledger/entry.ts';
import type { Queryable } from '../../platform/db.ts';
import type { AccountId, TransferId, UserId } from '../../platform/ids.ts';
import type { QuoteRefusal } from './refusals.ts';

/*
 * What every createTransfer looks up, for many at once: each is one named statement that finds every row by an index. Accounts come
 * with their owner's name, since both are needed for every transfer and this role may read the ledger's accounts.
 *
 * Arrays are passed through (SELECT $1): Postgres then cannot see how many there are when it plans, and so keeps one plan. Otherwise it
 * would plan anew for every call, which costs more than the look-up.
 */

/** The name of the one mutation that idempotency keys are kept for. */
export const MUTATION = 'createTransfer';

/** What a key was decided to be. */
export interface DecidedKey {
  bodyHash: Buffer;
  /** Of the accepted transfer, or of the attempt that was refused. */
  transferId: TransferId;
  /** Null: accepted. */
  verdict: LedgerRefusal | QuoteRefusal | null;
}

/** A customer's account, with what its owner is called; null while this subgraph has not heard of them. */
export interface FoundAccount {
  account: LedgerAccount;
  displayName: string | null;
}

/** Whom an email means. */
export interface FoundRecipient {
  /** False: no customer that this subgraph has heard of has this email. */
  known: boolean;
  /** Where money in the currency goes; null when the customer has no such account. */
  account: FoundAccount | null;
}

/** Columns of a FoundAccount. */
const ACCOUNT = `a.id, a.owner_id AS "ownerId", a.currency, a.kind, a.status, a.opened_at AS "openedAt"`;

/** What callers' keys of createTransfer were decided to be, in the order asked for; null: nothing yet. */
export async function findKeys(
  db: Queryable,
  keys: readonly { userId: UserId; key: string }[],
): Promise<(DecidedKey | null)[]> {
  const { rows } = await db.query<{
    body_hash: Buffer;
    transfer_id: TransferId | null;
    verdict: DecidedKey['verdict'];
  }>({
    name: 'transfer-find-keys',
    text: `SELECT k.body_hash, k.transfer_id, k.verdict
           FROM unnest((SELECT $1::uuid[]), (SELECT $2::text[])) WITH ORDINALITY AS wanted (user_id, key, place)
           LEFT JOIN LATERAL (
             SELECT * FROM idempotency_key k
             WHERE k.user_id = wanted.user_id AND k.mutation = $3 AND k.key = wanted.key LIMIT 1
           ) k ON true
           ORDER BY wanted.place`,
    values: [keys.map(({ userId }) => userId), keys.map(({ key }) => key), MUTATION],
  });
  return rows.map(
    ({ body_hash, transfer_id, verdict }) => transfer_id && { bodyHash: body_hash, transferId: transfer_id, verdict },
  );
}

/** Customers' accounts in the order of the ids; null where there is none. */
export async function findAccounts(db: Queryable, ids: readonly AccountId[]): Promise<(FoundAccount | null)[]> {
  const { rows } = await db.query<LedgerAccount & { displayName: string | null }>({
    name: 'transfer-find-accounts',
    text: `SELECT ${ACCOUNT}, p.display_name AS "displayName"
           FROM ledger.account a LEFT JOIN payee p ON p.user_id = a.owner_id
           WHERE a.id = ANY ((SELECT $1::uuid[])::uuid[]) AND a.owner_id IS NOT NULL`,
    values: [ids],
  });
  const byId = new Map(rows.map(({ displayName, ...account }) => [account.id, { account, displayName }]));
  return ids.map((id) => byId.get(id) ?? null);
}

/**
 * Whom emails mean, in the order asked for: the customer's receiving account in the currency (ledger.receiving_account). Emails are
 * given as their keyed hashes.
 */
export async function findRecipients(
  db: Queryable,
  wanted: readonly { emailHash: string; currency: string }[],
): Promise<FoundRecipient[]> {
  const { rows } = await db.query<Omit<LedgerAccount, 'id'> & { id: AccountId | null; displayName: string | null }>({
    name: 'transfer-find-recipients',
    text: `SELECT ${ACCOUNT}, p.display_name AS "displayName"
           FROM unnest((SELECT $1::text[]), (SELECT $2::text[])) WITH ORDINALITY AS wanted (email_hash, currency, place)
           LEFT JOIN LATERAL (SELECT * FROM payee p WHERE p.email_hash = wanted.email_hash LIMIT 1) p ON true
           LEFT JOIN LATERAL (
             SELECT * FROM ledger.account a WHERE a.id = ledger.receiving_account(p.user_id, wanted.currency) LIMIT 1
           ) a ON true
           ORDER BY wanted.place`,
    values: [wanted.map(({ emailHash }) => emailHash), wanted.map(({ currency }) => currency)],
  });
  return rows.map(({ displayName, id, ...account }) => ({
    known: displayName !== null,
    account: id && { account: { id, ...account }, displayName },
  }));
}
