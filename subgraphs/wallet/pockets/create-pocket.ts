import { accountsByIds } from '../../../ledger/accounts.ts';
import { openPocket } from '../../../ledger/pockets.ts';
import { newId, parseId, type AccountId, type PocketId } from '../../../platform/ids.ts';
import { parseAmount } from '../../../platform/money.ts';
import { POLICY } from '../../../platform/policy.ts';
import { Refusal } from '../../../platform/refusal.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import { parseKey, parsePocketName, requireDone, withLedger, type PocketDeps } from './change-pocket.ts';
import { claimWish, insertPocket } from './pocket-store.ts';
import type { PocketRefusal } from './refusals.ts';

export interface CreatePocketInput {
  accountId: string;
  name: string;
  target?: string | null;
  idempotencyKey: string;
}

/** Sets up an empty pocket on an account of the viewer's; its name here and its money in the ledger come into being together. */
export async function createPocket(deps: PocketDeps, viewer: Viewer, input: CreatePocketInput): Promise<PocketId> {
  const key = parseKey(input.idempotencyKey);
  const name = parsePocketName(input.name);
  const accountId = parseId<AccountId>(input.accountId);
  const account = accountId && (await accountsByIds(deps.pool, [accountId])).get(accountId);
  if (!account || account.ownerId !== viewer.userId) {
    throw new Refusal<PocketRefusal>('ACCOUNT_NOT_FOUND', ['accountId']);
  }
  const target = input.target ?? null;
  const targetMinor = target === null ? null : parseAmount(target, account.currency);
  const now = deps.clock.now();
  const id = newId<PocketId>(now.getTime());
  const ownerId = viewer.userId;
  const body = ['createPocket', account.id, name, targetMinor?.toString() ?? null];
  return withLedger(deps, async (tx) => {
    const before = await claimWish(tx, { ownerId, key, body, pocketId: id });
    if (before) return before;
    await insertPocket(tx, { id, ownerId, accountId: account.id, name, targetMinor, now });
    requireDone(await openPocket(tx, { id, accountId: account.id, most: POLICY.pockets.most }));
    return id;
  });
}
