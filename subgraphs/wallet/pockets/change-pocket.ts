import type { PocketVerdictRefusal } from '../../../ledger/pockets.ts';
import { isPostingStopped } from '../../../ledger/posting-gate.ts';
import type { Queryable } from '../../../platform/db.ts';
import { parseId, type PocketId } from '../../../platform/ids.ts';
import { parseLabel } from '../../../platform/label.ts';
import { Refusal } from '../../../platform/refusal.ts';
import type { SubgraphDeps } from '../../../platform/subgraph-deps.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import type { WalletStore } from '../store.ts';
import { findPockets, type PocketParent } from './pocket-store.ts';
import type { PocketRefusal } from './refusals.ts';

/* What every operation on pockets needs: whose it is, what was asked, and the ledger's verdict as a refusal. */

export interface PocketDeps extends Pick<SubgraphDeps, 'clock' | 'pool' | 'wakeUp'> {
  store: WalletStore;
}

const NAME_MAX_CHARACTERS = 80;
const KEY = /^[\x20-\x7e]{1,64}$/;

/** The viewer's own pocket; another's is as good as none. */
export async function findOwnPocket(db: Queryable, { userId }: Viewer, givenId: string): Promise<PocketParent> {
  const id = parseId<PocketId>(givenId);
  const pocket = id && (await findPockets(db, [id])).get(id);
  if (!pocket || pocket.ownerId !== userId) throw new Refusal<PocketRefusal>('POCKET_NOT_FOUND', ['pocketId']);
  return pocket;
}

export function parsePocketName(given: string): string {
  const name = parseLabel(given, NAME_MAX_CHARACTERS);
  if (!name) throw new Refusal<PocketRefusal>('INVALID_POCKET_NAME', ['name']);
  return name;
}

export function parseKey(key: string): string {
  if (!KEY.test(key)) throw new Refusal<PocketRefusal>('INVALID_IDEMPOTENCY_KEY', ['idempotencyKey']);
  return key;
}

/** Runs work in a transaction that asks the ledger; while the bank moves no money, that is a refusal. */
export async function withLedger<Result>(
  { store, wakeUp }: PocketDeps,
  work: (tx: Queryable) => Promise<Result>,
): Promise<Result> {
  try {
    const result = await store.transaction(work);
    wakeUp.signal();
    return result;
  } catch (error) {
    if (isPostingStopped(error)) throw new Refusal<PocketRefusal>('BANK_READ_ONLY');
    throw error;
  }
}

/** Throws what the ledger has refused, so that everything of this transaction is undone. */
export function requireDone(refusal: PocketVerdictRefusal | null): void {
  if (refusal === null) return;
  if (refusal === 'UNKNOWN_ACCOUNT') throw new Refusal<PocketRefusal>('ACCOUNT_NOT_FOUND', ['accountId']);
  if (refusal === 'UNKNOWN_POCKET') throw new Refusal<PocketRefusal>('POCKET_NOT_FOUND', ['pocketId']);
  throw new Refusal<PocketRefusal>(refusal, FIELD[refusal]);
}

const FIELD: Partial<Record<PocketVerdictRefusal, string[]>> = {
  INSUFFICIENT_FUNDS: ['amount'],
  POCKET_INSUFFICIENT: ['amount'],
  POCKET_CLOSED: ['pocketId'],
};
