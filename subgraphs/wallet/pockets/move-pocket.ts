import { movePocket as moveLedgerPocket } from '../../../ledger/pockets.ts';
import type { PocketId } from '../../../platform/ids.ts';
import { parseAmount } from '../../../platform/money.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import { findOwnPocket, parseKey, requireDone, withLedger, type PocketDeps } from './change-pocket.ts';
import { claimWish } from './pocket-store.ts';

export interface MovePocketInput {
  pocketId: string;
  amount: string;
  idempotencyKey: string;
}

/** Sets money of the account aside, or makes it available again; once for each key, however often it is asked. */
export async function movePocket(
  deps: PocketDeps,
  viewer: Viewer,
  direction: 'IN' | 'OUT',
  input: MovePocketInput,
): Promise<PocketId> {
  const key = parseKey(input.idempotencyKey);
  const pocket = await findOwnPocket(deps.pool, viewer, input.pocketId);
  const amountMinor = parseAmount(input.amount, pocket.currency);
  const body = ['movePocket', direction, pocket.id, String(amountMinor)];
  return withLedger(deps, async (tx) => {
    const before = await claimWish(tx, { ownerId: viewer.userId, key, body, pocketId: pocket.id });
    if (before) return before;
    requireDone(await moveLedgerPocket(tx, pocket.id, direction === 'IN' ? amountMinor : -amountMinor));
    return pocket.id;
  });
}
