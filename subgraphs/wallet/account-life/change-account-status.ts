import { setAccountStatus, type StatusChange } from '../../../ledger/account-status.ts';
import { accountsByIds } from '../../../ledger/accounts.ts';
import { parseId, type AccountId } from '../../../platform/ids.ts';
import { parseLabel } from '../../../platform/label.ts';
import { Refusal } from '../../../platform/refusal.ts';
import type { SubgraphDeps } from '../../../platform/subgraph-deps.ts';
import { isStaff, type Viewer } from '../../../platform/viewer.ts';
import type { WalletStore } from '../store.ts';
import type { AccountLifeRefusal } from './refusals.ts';

export interface AccountLifeDeps extends Pick<SubgraphDeps, 'pool' | 'wakeUp'> {
  store: WalletStore;
}

const REASON_MAX_CHARACTERS = 140;

/** Stops everything on an account: the viewer's own, or anybody's when the viewer is of the bank's staff. */
export async function freezeAccount(
  deps: AccountLifeDeps,
  viewer: Viewer,
  { accountId, reason: given }: { accountId: string; reason: string },
): Promise<AccountId> {
  const account = await findAccount(deps, viewer, accountId);
  const reason = parseLabel(given, REASON_MAX_CHARACTERS);
  if (!reason) throw new Refusal<AccountLifeRefusal>('INVALID_REASON', ['reason']);
  return change(deps, viewer, { ...account, status: 'FROZEN', reason });
}

/** Makes an account usable again; what staff has frozen, only COMPLIANCE and ADMIN can, whichever of the staff it was. */
export async function unfreezeAccount(deps: AccountLifeDeps, viewer: Viewer, accountId: string): Promise<AccountId> {
  const account = await findAccount(deps, viewer, accountId);
  const liftsStaffFreeze = account.byStaff && viewer.roles.some((role) => role === 'COMPLIANCE' || role === 'ADMIN');
  return change(deps, viewer, { ...account, status: 'ACTIVE', reason: null, liftsStaffFreeze });
}

/** Ends an own account for good, when nothing is on it. */
export async function closeAccount(deps: AccountLifeDeps, viewer: Viewer, accountId: string): Promise<AccountId> {
  const account = await findAccount(deps, viewer, accountId);
  // Staff may stop an account, but not end what is another's.
  if (account.byStaff) throw new Refusal<AccountLifeRefusal>('ACCOUNT_NOT_FOUND', ['accountId']);
  return change(deps, viewer, { ...account, status: 'CLOSED', reason: null });
}

/** An account that the viewer may change, and in which part: on an account of one's own everybody is its owner, staff too. */
async function findAccount(
  { pool }: AccountLifeDeps,
  viewer: Viewer,
  givenId: string,
): Promise<{ accountId: AccountId; byStaff: boolean }> {
  const accountId = parseId<AccountId>(givenId);
  const account = accountId && (await accountsByIds(pool, [accountId])).get(accountId);
  const own = account?.ownerId === viewer.userId;
  if (!account || !(own || isStaff(viewer))) {
    throw new Refusal<AccountLifeRefusal>('ACCOUNT_NOT_FOUND', ['accountId']);
  }
  return { accountId: account.id, byStaff: !own };
}

async function change(
  { store, wakeUp }: AccountLifeDeps,
  { userId }: Viewer,
  wanted: Omit<StatusChange, 'changedBy'>,
): Promise<AccountId> {
  const verdict = await store.transaction((tx) => setAccountStatus(tx, { ...wanted, changedBy: userId }));
  if (!verdict.ok) {
    const code = verdict.refusal === 'UNKNOWN_ACCOUNT' ? 'ACCOUNT_NOT_FOUND' : verdict.refusal;
    throw new Refusal<AccountLifeRefusal>(code, ['accountId']);
  }
  if (verdict.changed) wakeUp.signal();
  return wanted.accountId;
}
