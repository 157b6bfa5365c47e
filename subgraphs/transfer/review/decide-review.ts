import type { Queryable } from '../../../platform/db.ts';
import { parseId, type TransferId } from '../../../platform/ids.ts';
import { answerRefusals, Refusal, type UserError } from '../../../platform/refusal.ts';
import type { TransferParent } from '../graph-types.ts';
import type { TransferStore } from '../store.ts';
import { REVIEW_REFUSALS, type ReviewRefusal } from './refusals.ts';

export interface ReviewDeps {
  pool: Queryable;
  store: TransferStore;
  /** Told after every commit that appended events. */
  wakeUp: { signal(): void };
}

/** The transfer as it is now, or why nothing was decided. */
export interface ReviewAnswer {
  transfer: TransferParent | null;
  userErrors: UserError[];
}

/** What both decisions share: find the transfer, decide, show it as it is then. */
export function decideReview(
  { store, wakeUp }: Pick<ReviewDeps, 'store' | 'wakeUp'>,
  id: string,
  decide: (transferId: TransferId) => Promise<ReviewRefusal | null>,
): Promise<ReviewAnswer> {
  return answerRefusals<ReviewAnswer, ReviewRefusal>(
    REVIEW_REFUSALS,
    async () => {
      const transferId = parseId<TransferId>(id);
      if (!transferId || !(await store.findTransfers([transferId]))[0]) {
        throw new Refusal<ReviewRefusal>('TRANSFER_NOT_FOUND', ['id']);
      }
      const refusal = await decide(transferId);
      if (refusal) throw new Refusal<ReviewRefusal>(refusal, ['id']);
      wakeUp.signal();
      return { transfer: (await store.findTransfers([transferId]))[0]!, userErrors: [] };
    },
    (userErrors) => ({ transfer: null, userErrors }),
  );
}
