import { randomUUID } from 'node:crypto';
import type { Queryable } from '../../../platform/db.ts';
import type { BatchId, TransferId, UserId } from '../../../platform/ids.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { UserError } from '../../../platform/refusal.ts';
import type { ClientOrigin } from '../../../platform/viewer.ts';
import type { TransferInput } from '../domain.ts';
import type { BatchItemStatus, BatchMode, BatchStatus } from '../generated/resolvers.ts';
import type { BatchItemParent, BatchParent } from './graph-types.ts';

/*
 * The tables `batch` and `batch_item`. An item leaves PENDING once; the batch's counters move in the same statement, after the items: so
 * that two processes at one batch wait for each other there and count nothing twice.
 */

/** What an item asks createTransfer for; the key is the batch's to make. */
export type ItemInput = Omit<TransferInput, 'idempotencyKey'>;

interface BatchRow {
  id: BatchId;
  user_id: UserId;
  mode: BatchMode;
  status: BatchStatus;
  total: number;
  done: number;
  refused: number;
  created_at: Date;
  ended_at: Date | null;
}

const COLUMNS = 'id, user_id, mode, status, total, done, refused, created_at, ended_at';

function toBatch({ user_id, created_at, ended_at, ...row }: BatchRow): BatchParent {
  const { id, mode, status, total, done, refused } = row;
  return { id, userId: user_id, mode, status, total, done, refused, createdAt: created_at, endedAt: ended_at };
}

/** Lets one transaction at a time make batches of a customer: so that keys and the number of batches are counted right. */
export async function lockBatchesOf(tx: Queryable, userId: UserId): Promise<void> {
  await tx.query({
    name: 'transfer-lock-batches',
    text: `SELECT pg_advisory_xact_lock(hashtextextended('transfer.batch:' || $1, 0))`,
    values: [userId],
  });
}

/** The batch that a key stands for, with the body of then. */
export async function findBatchByKey(
  db: Queryable,
  userId: UserId,
  idempotencyKey: string,
): Promise<{ batch: BatchParent; bodyHash: Buffer } | null> {
  const { rows } = await db.query<BatchRow & { body_hash: Buffer }>({
    name: 'transfer-find-batch-by-key',
    text: `SELECT ${COLUMNS}, body_hash FROM batch WHERE user_id = $1 AND idempotency_key = $2`,
    values: [userId, idempotencyKey],
  });
  const row = rows[0];
  return row ? { batch: toBatch(row), bodyHash: row.body_hash } : null;
}

/** How many batches of a customer are being worked on. */
export async function countBatchesUnderWay(db: Queryable, userId: UserId): Promise<number> {
  const { rows } = await db.query<{ count: number }>({
    name: 'transfer-count-batches',
    text: `SELECT count(*)::int AS count FROM batch WHERE user_id = $1 AND status = 'PROCESSING'`,
    values: [userId],
  });
  return rows[0]!.count;
}

/** A batch that is ready to be stored. */
export interface NewBatch {
  id: BatchId;
  userId: UserId;
  idempotencyKey: string;
  bodyHash: Buffer;
  mode: BatchMode;
  /** Where it is asked for. */
  origin: ClientOrigin;
  items: readonly { itemKey: string; input: ItemInput }[];
}

export async function insertBatch(tx: Queryable, batch: NewBatch): Promise<void> {
  await tx.query({
    name: 'transfer-insert-batch',
    text: `INSERT INTO batch (id, user_id, idempotency_key, body_hash, key_seed, mode, status, total, origin)
           VALUES ($1, $2, $3, $4, $5, $6, 'PROCESSING', $7, $8)`,
    values: [
      batch.id,
      batch.userId,
      batch.idempotencyKey,
      batch.bodyHash,
      randomUUID(),
      batch.mode,
      batch.items.length,
      JSON.stringify(batch.origin),
    ],
  });
  await tx.query({
    name: 'transfer-insert-batch-items',
    text: `INSERT INTO batch_item (batch_id, number, item_key, input)
           SELECT $1, number, item_key, input FROM unnest($2::text[], $3::json[]) WITH ORDINALITY AS item (item_key, input, number)`,
    values: [
      batch.id,
      batch.items.map(({ itemKey }) => itemKey),
      batch.items.map(({ input }) => JSON.stringify(input)),
    ],
  });
}

export async function findBatch(db: Queryable, id: BatchId): Promise<BatchParent | null> {
  const { rows } = await db.query<BatchRow>({
    name: 'transfer-find-batch',
    text: `SELECT ${COLUMNS} FROM batch WHERE id = $1`,
    values: [id],
  });
  return rows[0] ? toBatch(rows[0]) : null;
}

/** Newest first. */
export async function listBatches(
  db: Queryable,
  { userId, after, limit }: { userId: UserId; after: BatchId | null; limit: number },
): Promise<BatchParent[]> {
  const { rows } = await db.query<BatchRow>({
    name: 'transfer-list-batches',
    text: `SELECT ${COLUMNS} FROM batch WHERE user_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    values: [userId, after, limit],
  });
  return rows.map(toBatch);
}

interface ItemRow {
  number: number;
  item_key: string;
  status: BatchItemStatus;
  transfer_id: TransferId | null;
  user_errors: UserError[];
}

/** In the order they came in. */
export async function listItems(
  db: Queryable,
  { batchId, after, limit }: { batchId: BatchId; after: number; limit: number },
): Promise<BatchItemParent[]> {
  const { rows } = await db.query<ItemRow>({
    name: 'transfer-list-batch-items',
    text: `SELECT number, item_key, status, transfer_id, user_errors FROM batch_item
           WHERE batch_id = $1 AND number > $2 ORDER BY number LIMIT $3`,
    values: [batchId, after, limit],
  });
  return rows.map(({ number, item_key, status, transfer_id, user_errors }) => ({
    number,
    itemKey: item_key,
    status,
    transferId: transfer_id,
    userErrors: user_errors,
  }));
}

/** A batch that waits for verdicts. */
export interface OpenBatch {
  id: BatchId;
  userId: UserId;
  mode: BatchMode;
  /** Where it was asked for. */
  origin: ClientOrigin | null;
  keySeed: string;
  /** Asked for so long ago that what may pass by itself has had its time. */
  isOld: boolean;
}

/** The idempotency key of an item's transfer: the same whenever and wherever it is worked on. */
export function itemTransferKey({ keySeed }: OpenBatch, number: number): string {
  return `batch:${keySeed}:${number}`;
}

/** Null when it has ended. `lock`: nobody else ends it until the transaction does. */
export async function findOpenBatch(
  db: Queryable,
  id: BatchId,
  { lock = false }: { lock?: boolean } = {},
): Promise<OpenBatch | null> {
  const { rows } = await db.query<OpenBatch>({
    name: `transfer-find-open-batch${lock ? '-locked' : ''}`,
    text: `SELECT id, user_id AS "userId", mode, origin, key_seed AS "keySeed",
             clock_timestamp() > created_at + make_interval(hours => $2) AS "isOld"
           FROM batch WHERE id = $1 AND status = 'PROCESSING'${lock ? ' FOR NO KEY UPDATE' : ''}`,
    values: [id, POLICY.batches.giveUpHours],
  });
  return rows[0] ?? null;
}

/** An item without a verdict. */
export interface PendingItem {
  number: number;
  input: ItemInput;
}

/** Pending items behind a place, in their order. */
export async function findPendingItems(
  db: Queryable,
  { batchId, after, limit }: { batchId: BatchId; after: number; limit: number },
): Promise<PendingItem[]> {
  const { rows } = await db.query<PendingItem>({
    name: 'transfer-find-pending-batch-items',
    text: `SELECT number, input FROM batch_item WHERE batch_id = $1 AND status = 'PENDING' AND number > $2 ORDER BY number LIMIT $3`,
    values: [batchId, after, limit],
  });
  return rows;
}

/** What became of an item: its transfer, or why there is none. */
export interface ItemVerdict {
  number: number;
  transferId: TransferId | null;
  userErrors: readonly UserError[];
}

/**
 * Writes verdicts down, each unless its item has one, and moves the counters. The last one ends the batch: as COMPLETED, or as
 * REFUSED where all depend on each other and nothing was done; where it was asked for is of no more use, and forgotten.
 */
export async function recordVerdicts(db: Queryable, batchId: BatchId, verdicts: readonly ItemVerdict[]): Promise<void> {
  if (verdicts.length === 0) return;
  const inOrder = [...verdicts].sort((a, b) => a.number - b.number);
  await db.query({
    name: 'transfer-record-batch-verdicts',
    text: `WITH mine AS (
             SELECT i.number, v.transfer_id, v.user_errors
             FROM unnest($2::int[], $3::uuid[], $4::jsonb[]) AS v (number, transfer_id, user_errors)
             JOIN batch_item i ON i.batch_id = $1 AND i.number = v.number AND i.status = 'PENDING'
             ORDER BY i.number FOR NO KEY UPDATE OF i
           ), changed AS (
             UPDATE batch_item i SET status = CASE WHEN mine.transfer_id IS NULL THEN 'REFUSED' ELSE 'DONE' END,
               transfer_id = mine.transfer_id, user_errors = mine.user_errors
             FROM mine WHERE i.batch_id = $1 AND i.number = mine.number RETURNING i.status
           ), counted AS (
             SELECT count(*) FILTER (WHERE status = 'DONE')::int AS done, count(*) FILTER (WHERE status = 'REFUSED')::int AS refused
             FROM changed
           )
           UPDATE batch b SET done = b.done + counted.done, refused = b.refused + counted.refused,
             status = CASE WHEN b.done + counted.done + b.refused + counted.refused < b.total THEN 'PROCESSING'
               WHEN b.mode = 'ALL_OR_NOTHING' AND b.done + counted.done = 0 THEN 'REFUSED' ELSE 'COMPLETED' END,
             ended_at = CASE WHEN b.done + counted.done + b.refused + counted.refused = b.total THEN clock_timestamp() END,
             origin = CASE WHEN b.done + counted.done + b.refused + counted.refused < b.total THEN b.origin END
           FROM counted WHERE b.id = $1 AND b.status = 'PROCESSING'`,
    values: [
      batchId,
      inOrder.map(({ number }) => number),
      inOrder.map(({ transferId }) => transferId),
      inOrder.map(({ userErrors }) => JSON.stringify(userErrors)),
    ],
  });
}
