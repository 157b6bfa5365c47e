import { closePocket as closeLedgerPocket } from '../../../ledger/pockets.ts';
import type { PocketId } from '../../../platform/ids.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import { findOwnPocket, requireDone, withLedger, type PocketDeps } from './change-pocket.ts';

/** Ends a pocket of the viewer's; what it held is available again, in the same transaction. */
export async function closePocket(deps: PocketDeps, viewer: Viewer, pocketId: string): Promise<PocketId> {
  const { id } = await findOwnPocket(deps.pool, viewer, pocketId);
  await withLedger(deps, async (tx) => requireDone(await closeLedgerPocket(tx, id)));
  return id;
}
