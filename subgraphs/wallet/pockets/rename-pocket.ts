import type { PocketId } from '../../../platform/ids.ts';
import { parseAmount } from '../../../platform/money.ts';
import { Refusal } from '../../../platform/refusal.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import { findOwnPocket, parsePocketName, type PocketDeps } from './change-pocket.ts';
import { updatePocket } from './pocket-store.ts';
import type { PocketRefusal } from './refusals.ts';

/** Calls a pocket otherwise, and says what it is to hold one day. */
export async function renamePocket(
  { pool }: PocketDeps,
  viewer: Viewer,
  input: { pocketId: string; name: string; target?: string | null },
): Promise<PocketId> {
  const pocket = await findOwnPocket(pool, viewer, input.pocketId);
  if (pocket.closedAt) throw new Refusal<PocketRefusal>('POCKET_CLOSED', ['pocketId']);
  const name = parsePocketName(input.name);
  const target = input.target ?? null;
  const targetMinor = target === null ? null : parseAmount(target, pocket.currency);
  await updatePocket(pool, { id: pocket.id, name, targetMinor });
  return pocket.id;
}
