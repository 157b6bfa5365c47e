import { createHash } from 'node:crypto';
import { openPocketsOf, pocketsByIds, type LedgerPocket } from '../../../ledger/pockets.ts';
import type { Queryable } from '../../../platform/db.ts';
import type { AccountId, PocketId, UserId } from '../../../platform/ids.ts';
import { Refusal } from '../../../platform/refusal.ts';
import type { PocketRefusal } from './refusals.ts';

/** A pocket as its owner sees it: the name is wallet's, the money the ledger's. */
export interface PocketParent extends LedgerPocket {
  ownerId: UserId;
  name: string;
  targetMinor: bigint | null;
  createdAt: Date;
}

interface PocketRow {
  id: PocketId;
  owner_id: UserId;
  name: string;
  target: string | null;
  created_at: Date;
}

/** Pockets by id, whosever they are; what does not exist is missing. */
export async function findPockets(
  db: Queryable,
  ids: readonly PocketId[],
): Promise<ReadonlyMap<PocketId, PocketParent>> {
  const [names, money] = [await readNames(db, ids), await pocketsByIds(db, ids)];
  return new Map([...money.values()].flatMap((pocket) => withName(pocket, names)));
}

/** The open pockets of accounts, oldest first. */
export async function findOpenPockets(db: Queryable, accountIds: readonly AccountId[]): Promise<PocketParent[]> {
  const money = await openPocketsOf(db, accountIds);
  const ids = money.map(({ id }) => id);
  const names = await readNames(db, ids);
  return money.flatMap((pocket) => withName(pocket, names).map(([, named]) => named));
}

function withName(pocket: LedgerPocket, names: ReadonlyMap<PocketId, PocketRow>): [PocketId, PocketParent][] {
  const row = names.get(pocket.id);
  // Both come into being in one transaction; between two reads of a request one may be there already and the other not.
  if (!row) return [];
  const { owner_id: ownerId, name, target, created_at: createdAt } = row;
  const named = { ...pocket, ownerId, name, targetMinor: target === null ? null : BigInt(target), createdAt };
  return [[pocket.id, named]];
}

async function readNames(db: Queryable, ids: readonly PocketId[]): Promise<ReadonlyMap<PocketId, PocketRow>> {
  const { rows } = await db.query<PocketRow>({
    name: 'wallet-pockets-by-ids',
    text: 'SELECT id, owner_id, name, target, created_at FROM pocket WHERE id = ANY ($1::uuid[])',
    values: [ids],
  });
  return new Map(rows.map((row) => [row.id, row]));
}

/** Adds the name of a pocket. */
export async function insertPocket(
  tx: Queryable,
  pocket: { id: PocketId; ownerId: UserId; accountId: AccountId; name: string; targetMinor: bigint | null; now: Date },
): Promise<void> {
  const { id, ownerId, accountId, name, targetMinor, now } = pocket;
  await tx.query({
    name: 'wallet-insert-pocket',
    text: 'INSERT INTO pocket (id, owner_id, account_id, name, target, created_at) VALUES ($1, $2, $3, $4, $5, $6)',
    values: [id, ownerId, accountId, name, targetMinor?.toString() ?? null, now],
  });
}

/** Calls a pocket otherwise; a target of null leaves the one it had. */
export async function updatePocket(
  tx: Queryable,
  { id, name, targetMinor }: { id: PocketId; name: string; targetMinor: bigint | null },
): Promise<void> {
  await tx.query({
    name: 'wallet-update-pocket',
    text: 'UPDATE pocket SET name = $2, target = coalesce($3, target) WHERE id = $1',
    values: [id, name, targetMinor?.toString() ?? null],
  });
}

/** What is asked for under a key, and the pocket that it is about. */
export interface PocketWish {
  ownerId: UserId;
  key: string;
  /** Everything that makes it this wish. */
  body: readonly (string | null)[];
  pocketId: PocketId;
}

/**
 * Claims a key within the transaction that does what is wished. Null: it is new. Else the pocket of the same wish, done before; the same
 * key for another wish is refused. Of two at the same moment the second waits here for the first.
 */
export async function claimWish(tx: Queryable, { ownerId, key, body, pocketId }: PocketWish): Promise<PocketId | null> {
  const hash = createHash('sha256').update(JSON.stringify(body)).digest();
  const { rowCount } = await tx.query({
    name: 'wallet-claim-pocket-wish',
    text: `INSERT INTO pocket_wish (owner_id, key, body, pocket_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
    values: [ownerId, key, hash, pocketId],
  });
  if (rowCount === 1) return null;
  const { rows } = await tx.query<{ body: Buffer; pocket_id: PocketId }>({
    name: 'wallet-find-pocket-wish',
    text: 'SELECT body, pocket_id FROM pocket_wish WHERE owner_id = $1 AND key = $2',
    values: [ownerId, key],
  });
  if (!rows[0]!.body.equals(hash)) throw new Refusal<PocketRefusal>('IDEMPOTENCY_KEY_REUSED', ['idempotencyKey']);
  return rows[0]!.pocket_id;
}
