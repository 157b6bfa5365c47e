import { accountsByIds } from '../../../ledger/accounts.ts';
import { setOverdraft as setLedgerOverdraft } from '../../../ledger/overdraft.ts';
import { parseId, type AccountId } from '../../../platform/ids.ts';
import { parseAmount, type Money } from '../../../platform/money.ts';
import { POLICY } from '../../../platform/policy.ts';
import { Refusal } from '../../../platform/refusal.ts';
import { requireRole } from '../../../platform/staff.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import type { AccountLifeDeps } from './change-account-status.ts';
import type { AccountLifeRefusal } from './refusals.ts';

const ZERO = /^0(\.0*)?$/;

/** Beyond this nobody agrees; a currency that the policy does not name has no overdrafts. */
const MOST: Readonly<Partial<Record<string, bigint>>> = POLICY.overdraft.most;

/** Agrees on what may be spent beyond an account's own money. For the role ADMIN only, and never for an account of one's own. */
export async function setOverdraft(
  { pool, store, wakeUp }: AccountLifeDeps,
  viewer: Viewer,
  input: { accountId: string; amount: string },
): Promise<Money> {
  requireRole(viewer, 'ADMIN');
  const accountId = parseId<AccountId>(input.accountId);
  const account = accountId && (await accountsByIds(pool, [accountId])).get(accountId);
  if (!account) throw new Refusal<AccountLifeRefusal>('ACCOUNT_NOT_FOUND', ['accountId']);
  if (account.ownerId === viewer.userId) throw new Refusal<AccountLifeRefusal>('OWN_ACCOUNT', ['accountId']);
  const amountMinor = ZERO.test(input.amount) ? 0n : parseAmount(input.amount, account.currency);
  if (amountMinor > (MOST[account.currency] ?? 0n)) {
    throw new Refusal<AccountLifeRefusal>('OVERDRAFT_TOO_LARGE', ['amount']);
  }
  const verdict = await store.transaction((tx) =>
    setLedgerOverdraft(tx, { accountId: account.id, amountMinor, changedBy: viewer.userId }),
  );
  if (!verdict.ok) {
    const code = verdict.refusal === 'UNKNOWN_ACCOUNT' ? 'ACCOUNT_NOT_FOUND' : verdict.refusal;
    throw new Refusal<AccountLifeRefusal>(code, [code === 'OVERDRAFT_IN_USE' ? 'amount' : 'accountId']);
  }
  if (verdict.changed) wakeUp.signal();
  return { amountMinor, currency: account.currency };
}
