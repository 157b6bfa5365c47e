import { withRetry, type Queryable } from '../../platform/db.ts';
import { parseId, type TransferId } from '../../platform/ids.ts';
import { answerRefusals, Refusal, type UserError } from '../../platform/refusal.ts';
import type { Viewer } from '../../platform/viewer.ts';
import type { TransferParent } from './graph-types.ts';
import { CANCEL_REFUSALS, type CancelRefusal } from './payouts/refusals.ts';
import type { TransferStore } from './store.ts';

export interface CancelTransferDeps {
  pool: Queryable;
  store: TransferStore;
  /** Told after every commit that appended events. */
  wakeUp: { signal(): void };
}

/** The transfer as it is now, or why it was not cancelled. */
export interface CancelTransferAnswer {
  transfer: TransferParent | null;
  userErrors: UserError[];
}

/**
 * Withdraws a transfer that the viewer asked for, while nothing of it was sent. Whether that is so is decided under the lock under which it
 * is sent: either the one or the other. Doing it again is fine.
 */
export function cancelTransfer(deps: CancelTransferDeps, viewer: Viewer, id: string): Promise<CancelTransferAnswer> {
  return answerRefusals<CancelTransferAnswer, CancelRefusal>(
    CANCEL_REFUSALS,
    async () => {
      const transferId = parseId<TransferId>(id);
      const refusal = transferId ? await withRetry(() => cancel(deps.pool, transferId, viewer)) : 'TRANSFER_NOT_FOUND';
      if (refusal) throw new Refusal<CancelRefusal>(refusal, ['id']);
      deps.wakeUp.signal();
      const [transfer] = await deps.store.findTransfers([transferId!]);
      return { transfer: transfer!, userErrors: [] };
    },
    (userErrors) => ({ transfer: null, userErrors }),
  );
}

async function cancel(db: Queryable, transferId: TransferId, { userId }: Viewer): Promise<CancelRefusal | null> {
  const { rows } = await db.query<{ refusal: CancelRefusal | null }>({
    name: 'transfer-cancel-transfer',
    text: 'SELECT transfer.cancel_transfer($1, $2) AS refusal',
    values: [transferId, userId],
  });
  return rows[0]!.refusal;
}
