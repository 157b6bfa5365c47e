import type { Queryable } from '../../../platform/db.ts';
import { newId, type DeadLetterId, type TransferId } from '../../../platform/ids.ts';

/** Whether trying again can help: by itself, after somebody has removed the cause, or never. */
export type DeadLetterClass = 'TRANSIENT' | 'RECOVERABLE' | 'PERMANENT';

/** How much is at stake. What follows from it stands in SEVERITIES. */
export type Severity = 'LOW' | 'MEDIUM' | 'HIGH' | 'CRITICAL';

/**
 * What a severity decides: whether a letter is tried again without a person (unless it is PERMANENT, and within POLICY.operations.retries), and
 * whether it alarms. docs/on-call.md shows the same table.
 */
export const SEVERITIES: Readonly<Record<Severity, { triedByItself: boolean; alarms: boolean }>> = {
  LOW: { triedByItself: true, alarms: false },
  MEDIUM: { triedByItself: true, alarms: false },
  HIGH: { triedByItself: false, alarms: false },
  CRITICAL: { triedByItself: false, alarms: true },
};

/** The severities of which something holds. */
export function severitiesThat(what: 'triedByItself' | 'alarms'): Severity[] {
  return (Object.keys(SEVERITIES) as Severity[]).filter((severity) => SEVERITIES[severity][what]);
}

/** Work that no machine can end. */
export interface NewDeadLetter {
  transferId: TransferId | null;
  /** What work it is, for example "payout": whoever works on it listens for DeadLetterRetried of this kind. */
  kind: string;
  class: DeadLetterClass;
  severity: Severity;
  /** One sentence for a person. */
  reason: string;
  details: object;
}

/**
 * Puts work aside for the bank's staff, within the caller's transaction. There is one open letter per transfer and kind: recording
 * again brings the same one up to date.
 */
export async function recordDeadLetter(tx: Queryable, letter: NewDeadLetter): Promise<DeadLetterId> {
  const { rows } = await tx.query<{ id: DeadLetterId }>({
    name: 'transfer-record-dead-letter',
    text: 'SELECT transfer.record_dead_letter($1, $2, $3, $4, $5, $6, $7) AS id',
    values: [
      newId<DeadLetterId>(),
      letter.transferId,
      letter.kind,
      letter.class,
      letter.severity,
      letter.reason,
      JSON.stringify(letter.details),
    ],
  });
  return rows[0]!.id;
}

/**
 * Ends the open letter of a transfer and kind because the work has been done after all; call it in the transaction of the effect.
 * Says whether there was one.
 */
export async function settleDeadLetter(
  tx: Queryable,
  { transferId, kind, resolution }: { transferId: TransferId | null; kind: string; resolution: string },
): Promise<boolean> {
  const { rows } = await tx.query<{ settled: boolean }>({
    name: 'transfer-settle-dead-letter',
    text: 'SELECT transfer.settle_dead_letter($1, $2, $3) AS settled',
    values: [transferId, kind, resolution],
  });
  return rows[0]!.settled;
}
