import { unauthenticated } from '../../../platform/graph-errors.ts';
import { answerRefusals } from '../../../platform/refusal.ts';
import type { CreateTransferDeps } from '../call.ts';
import type { Room } from '../room.ts';
import { createBatch, RUN_BATCH, type CreateBatchAnswer } from './create-batch.ts';
import { listBatchesOf, listItemsOf, visibleBatch } from './list-batches.ts';
import { REFUSED } from './refusals.ts';
import { createRunBatch } from './run-batch.ts';

/** Many transfers that are asked for together. */
export function createBatchesRoom(deps: CreateTransferDeps): Room {
  const { pool } = deps;
  return {
    bulkTasks: { [RUN_BATCH]: createRunBatch(deps) },
    resolvers: {
      Query: { batch: (_root, { id }, { viewer }) => visibleBatch(pool, viewer, id) },
      User: { batches: ({ id }, args, { viewer }) => listBatchesOf(pool, viewer, id, args) },
      Mutation: {
        createBatch: (_root, { input }, { viewer, origin, signal }) => {
          if (!viewer) throw unauthenticated();
          return answerRefusals<CreateBatchAnswer, keyof typeof REFUSED>(
            REFUSED,
            () => createBatch(deps, { viewer, origin, signal }, input),
            (userErrors) => ({ batch: null, replayed: false, userErrors }),
          );
        },
      },
      Batch: {
        counts: ({ total, done, refused }) => ({ total, done, refused, pending: total - done - refused }),
        items: (batch, args) => listItemsOf(pool, batch, args),
      },
      BatchItem: {
        transfer: ({ transferId }, _args, { loaders }) => transferId && loaders.transfer.load(transferId),
      },
    },
  };
}
