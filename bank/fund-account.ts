import { createHash } from 'node:crypto';
import { receivingAccount, systemAccount } from '../ledger/accounts.ts';
import { postEntry, type EntryVerdict } from '../ledger/post.ts';
import type { Leg } from '../ledger/entry.ts';
import { sqlState, type Queryable } from '../platform/db.ts';
import { newId, type AccountId, type EntryId, type UserId } from '../platform/ids.ts';
import type { Money } from '../platform/money.ts';

export interface Funding {
  accountId: AccountId;
  money: Money;
  /** Given: this entry is posted at most once, whoever tries again. */
  entryId?: EntryId;
}

/**
 * Money for an account out of the bank's settlement account, by the same ledger function as every posting. False when the
 * given entry was there before. The caller signals the readers of the event log.
 */
export async function fundAccount(ledger: Queryable, { accountId, money, entryId }: Funding): Promise<boolean> {
  const { amountMinor, currency } = money;
  const settlement = await systemAccount(ledger, 'SETTLEMENT', currency);
  const leg = (account: AccountId, amount: bigint): Leg => ({
    accountId: account,
    currency,
    amountMinor: amount,
    lineType: 'DEPOSIT',
    counterparty: 'DwayBank',
  });
  let verdict: EntryVerdict;
  try {
    verdict = await postEntry(ledger, {
      id: entryId ?? newId<EntryId>(),
      kind: 'FUNDING',
      transferId: null,
      description: 'Funding',
      legs: [leg(settlement, -amountMinor), leg(accountId, amountMinor)],
    });
  } catch (error) {
    // An entry id is used only once, so the database itself says that this funding was made before.
    if (entryId !== undefined && sqlState(error) === '23505') return false;
    throw error;
  }
  if (!verdict.posted) throw new Error(`funding of account ${accountId} was refused: ${verdict.refusal}`);
  return true;
}

/** The entry that funds a new account: the same for the same account, so that it exists once. */
export function openingEntryId(accountId: AccountId): EntryId {
  const hash = createHash('sha256').update(`opening:${accountId}`).digest('hex');
  // The time of the account stays in front, where an entry's time stands.
  return `${accountId.slice(0, 14)}7${hash.slice(0, 3)}-8${hash.slice(3, 6)}-${hash.slice(6, 18)}` as EntryId;
}

/** The account that money for a person goes to, or null. */
export async function accountToFund(ledger: Queryable, ownerId: UserId, currency: string): Promise<AccountId | null> {
  return (await receivingAccount(ledger, ownerId, currency))?.id ?? null;
}
