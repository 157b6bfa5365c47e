import type { Queryable } from '../platform/db.ts';
import type { AccountId, UserId } from '../platform/ids.ts';

/** Why an overdraft stays as it is; see ledger.set_overdraft. */
export type OverdraftRefusal = 'UNKNOWN_ACCOUNT' | 'ACCOUNT_CLOSED' | 'OVERDRAFT_IN_USE';

/** Agrees on how far an account may be overdrawn; never on less than is in use, holds included. Decided under the account's lock. */
export async function setOverdraft(
  db: Queryable,
  { accountId, amountMinor, changedBy }: { accountId: AccountId; amountMinor: bigint; changedBy: UserId },
): Promise<{ ok: true; changed: boolean } | { ok: false; refusal: OverdraftRefusal }> {
  const { rows } = await db.query<{ verdict: 'CHANGED' | 'UNCHANGED' | OverdraftRefusal }>({
    name: 'ledger-set-overdraft',
    text: 'SELECT verdict FROM ledger.set_overdraft($1, $2, $3)',
    values: [accountId, amountMinor.toString(), changedBy],
  });
  const { verdict } = rows[0]!;
  if (verdict === 'CHANGED' || verdict === 'UNCHANGED') return { ok: true, changed: verdict === 'CHANGED' };
  return { ok: false, refusal: verdict };
}
