import type pg from 'pg';
import { newId, type TransferId, type UserId } from '../platform/ids.ts';
import type { Assessment } from '../platform/questions/assess-transfer.ts';

/** A transfer to somebody else as risk remembers it. */
export interface PastTransfer {
  at: Date;
  usdMinor?: bigint;
  recipientId?: UserId;
  country?: string | null;
  device?: string | null;
  assessment?: Partial<Assessment>;
}

const HOUR_MS = 3_600_000;

export const hoursAgo = (hours: number): Date => new Date(Date.now() - hours * HOUR_MS);

/** Writes a customer's history the way the posting transaction does, oldest first, at times gone by. Returns the transfers' ids. */
export async function recordHistory(
  admin: pg.Pool,
  customerId: UserId,
  past: readonly PastTransfer[],
): Promise<TransferId[]> {
  const oldestFirst = [...past].sort((a, b) => a.at.getTime() - b.at.getTime());
  const ids = oldestFirst.map(() => newId<TransferId>());
  await recordAssessments(
    admin,
    oldestFirst.map(
      (
        { at, usdMinor = 100_00n, recipientId = newId<UserId>(), country = null, device = null, assessment },
        index,
      ) => ({
        transferId: ids[index]!,
        customerId,
        assessment: {
          score: 0,
          level: 'LOW',
          decision: 'ALLOW',
          factors: [],
          assessedAt: at.toISOString(),
          spending: null,
          evidence: { usdMinor: usdMinor.toString(), recipientId, country, device },
          ...assessment,
        },
      }),
    ),
  );
  await admin.query(
    `UPDATE risk.assessment SET posted_at = past.at FROM unnest($1::uuid[], $2::timestamptz[]) AS past (id, at)
     WHERE transfer_id = past.id`,
    [ids, oldestFirst.map(({ at }) => at)],
  );
  return ids;
}

/** Calls risk.record_assessments as transfer.create_transfers does. */
export async function recordAssessments(
  admin: pg.Pool,
  rows: readonly { transferId: TransferId; customerId: UserId; assessment: Assessment }[],
): Promise<void> {
  await admin.query('SELECT risk.record_assessments($1::uuid[], $2::uuid[], $3::jsonb[])', [
    rows.map(({ transferId }) => transferId),
    rows.map(({ customerId }) => customerId),
    rows.map(({ assessment }) => JSON.stringify(assessment)),
  ]);
}
