import type { Queryable } from '../../platform/db.ts';
import type { TransferId } from '../../platform/ids.ts';
import type { NextOf } from './domain.ts';
import type { TransferStatus } from './generated/resolvers.ts';

/** Statuses that come with money that is held or moved: they have SQL functions of their own. */
type WithMoney = 'BALANCE_RESERVED' | 'HELD_FOR_REVIEW' | 'COMPLETED' | 'REVERSED';

/** A step that moves no money: taken from the statuses named, when the table LIFECYCLE lets it follow each of them. */
export interface Step<From extends TransferStatus> {
  from: readonly From[];
  status: Exclude<NextOf<From>, WithMoney>;
  /** A finer step, for example BANK_PROCESSING. */
  step?: string;
  /** For a person. */
  note?: string;
  /** With FAILED. */
  failureCode?: string;
}

/**
 * Takes a step under the transfer's lock, together with its event; nothing when the transfer is further already or has ended. A finer step
 * of a status that it has is added. Returns the status it has then: whoever goes on from a step looks at it first.
 */
export async function stepTransfer<const From extends TransferStatus>(
  db: Queryable,
  transferId: TransferId,
  { from, status, step, note, failureCode }: Step<From>,
): Promise<TransferStatus> {
  const { rows } = await db.query<{ status: TransferStatus }>({
    name: 'transfer-step-transfer',
    text: 'SELECT transfer.step_transfer($1, $2, $3, $4, $5, $6) AS status',
    // A finer step is told within its status, too.
    values: [transferId, [...from, status], status, step ?? null, note ?? null, failureCode ?? null],
  });
  return rows[0]!.status;
}
