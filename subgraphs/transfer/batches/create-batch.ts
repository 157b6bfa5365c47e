import { createHash } from 'node:crypto';
import { withTransaction } from '../../../platform/db.ts';
import { newId, type BatchId } from '../../../platform/ids.ts';
import { enqueueJobs } from '../../../platform/jobs.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { UserError } from '../../../platform/refusal.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import type { CreateTransferCall, CreateTransferDeps } from '../call.ts';
import { hashCommand, parseCommand } from '../domain.ts';
import type { BatchMode } from '../generated/resolvers.ts';
import { JOBS_SCHEMA } from '../listeners.ts';
import { refuse } from '../refusals.ts';
import {
  countBatchesUnderWay,
  findBatch,
  findBatchByKey,
  insertBatch,
  lockBatchesOf,
  recordVerdicts,
  type ItemInput,
  type NewBatch,
} from './batch-store.ts';
import type { BatchParent } from './graph-types.ts';
import { judgeItems } from './judge-items.ts';
import { refuseBatch } from './refusals.ts';

/** The job that brings a batch to its end; its payload is RunBatchPayload. */
export const RUN_BATCH = 'run-batch';

export interface RunBatchPayload {
  batchId: BatchId;
}

/** What a client asks for. */
export interface BatchInput {
  idempotencyKey: string;
  mode: BatchMode;
  items: readonly (ItemInput & { itemKey: string })[];
}

/** The batch, or why there is none. */
export interface CreateBatchAnswer {
  batch: BatchParent | null;
  replayed: boolean;
  userErrors: UserError[];
}

/**
 * Takes a batch once per idempotency key and answers at once; a job works on it (run-batch.ts). Refused is only what is wrong with the
 * batch as a whole. Items that can never be done have their verdict in the answer (judge-items.ts); the others are judged as createTransfer
 * would judge them, when their turn comes.
 */
export async function createBatch(
  deps: CreateTransferDeps,
  call: CreateTransferCall,
  input: BatchInput,
): Promise<CreateBatchAnswer> {
  const { idempotencyKey } = input;
  const { viewer, origin } = call;
  const { pool } = deps;
  const batch = parse(viewer, input);
  // Before the lock is taken, because it may wait for others; a replay is answered whatever planning would say today.
  const replay = await findBatchByKey(pool, viewer.userId, idempotencyKey);
  const refused = replay ? [] : await judgeItems(deps, call, batch);
  return withTransaction(pool, async (tx) => {
    await lockBatchesOf(tx, viewer.userId);
    const known = replay ?? (await findBatchByKey(tx, viewer.userId, idempotencyKey));
    if (known) {
      if (!known.bodyHash.equals(batch.bodyHash)) throw refuse('IDEMPOTENCY_KEY_REUSED', ['idempotencyKey']);
      return { batch: known.batch, replayed: true, userErrors: [] };
    }
    if ((await countBatchesUnderWay(tx, viewer.userId)) >= POLICY.batches.mostUnderWay) {
      throw refuseBatch('TOO_MANY_BATCHES');
    }
    await insertBatch(tx, { ...batch, origin });
    await recordVerdicts(tx, batch.id, refused);
    const stored = (await findBatch(tx, batch.id))!;
    // Nothing is left to do.
    if (refused.length === batch.items.length) return { batch: stored, replayed: false, userErrors: [] };
    const payload: RunBatchPayload = { batchId: batch.id };
    // In the same transaction: there is no batch without its job, and no job without its batch.
    await enqueueJobs(tx, { schema: JOBS_SCHEMA, task: RUN_BATCH, jobs: [{ key: `batch:${batch.id}`, payload }] });
    return { batch: stored, replayed: false, userErrors: [] };
  });
}

const KEY = /^[\x20-\x7e]{1,64}$/;

function parse(viewer: Viewer, { idempotencyKey, mode, items }: BatchInput): Omit<NewBatch, 'origin'> {
  if (!KEY.test(idempotencyKey)) throw refuse('INVALID_IDEMPOTENCY_KEY', ['idempotencyKey']);
  if (items.length === 0) throw refuseBatch('BATCH_EMPTY', ['items']);
  if (items.length > POLICY.batches.mostItems) throw refuseBatch('BATCH_TOO_LARGE', ['items']);
  const seen = new Set<string>();
  const parsed = items.map(({ itemKey, ...input }, index) => {
    const field = ['items', String(index), 'itemKey'];
    if (!KEY.test(itemKey)) throw refuseBatch('INVALID_ITEM_KEY', field);
    if (seen.has(itemKey)) throw refuseBatch('DUPLICATE_ITEM_KEY', field);
    seen.add(itemKey);
    return { itemKey, input };
  });
  return { id: newId(), userId: viewer.userId, idempotencyKey, mode, items: parsed, bodyHash: hash(mode, parsed) };
}

/** What a key stands for: equal for batches whose items mean the same under the same keys, in the same order. */
function hash(mode: BatchMode, items: NewBatch['items']): Buffer {
  const meanings = items.map(({ itemKey, input }) => {
    const command = parseCommand({ ...input, idempotencyKey: itemKey });
    // What means nothing is compared as it is written.
    return [itemKey, 'faults' in command ? canonical(input) : hashCommand(command).toString('hex')];
  });
  return createHash('sha256')
    .update(JSON.stringify([mode, meanings]))
    .digest();
}

/** Plain data with the properties in one order, so that a client may write them in any. */
function canonical(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value ?? null;
  const known = Object.entries(value).filter(([, each]) => each !== null && each !== undefined);
  return known.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => [name, canonical(each)]);
}
