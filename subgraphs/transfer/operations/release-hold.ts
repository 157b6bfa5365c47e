import type pg from 'pg';
import { releaseHold } from '../../../ledger/holds.ts';
import { withTransaction, type Queryable } from '../../../platform/db.ts';
import { parseId, type HoldId, type TransferId, type UserId } from '../../../platform/ids.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { TransferStatus } from '../generated/resolvers.ts';
import { failPayout } from '../payouts/payout-store.ts';
import { recordIntervention } from './intervention-store.ts';
import { refuse } from './refusals.ts';

/** What a person's word about a hold has led to. */
export type ReleaseVerdict = 'PROPOSED' | 'RELEASED';

/** What a released payout has failed with. */
const FAILURE_CODE = 'NOT_PROCESSED';

/** The status a transfer has, and whether a provider was ever asked to carry it. */
interface Behind {
  status: TransferStatus;
  sent: boolean;
}

/**
 * Frees money that hangs on a hold, by the word of two people: the first proposes, another one agrees by the same call within a day. Only where the
 * transfer behind it was never sent: what may be on its way is not the customer's to spend, whatever a person thinks. A payout that still waits
 * to be sent fails in the same commit, so that no job carries it out afterwards. The actors are ids of people: whoever sits at a command line
 * could be both.
 */
export async function releaseHoldByTwo(
  pool: pg.Pool,
  { holdId: text, actor }: { holdId: string; actor: string },
): Promise<ReleaseVerdict> {
  const holdId = parseId<HoldId>(text);
  if (!holdId) throw refuse('HOLD_NOT_FOUND');
  if (!isPerson(actor)) throw refuse('PERSON_REQUIRED');
  return withTransaction(pool, async (tx) => {
    const transferId = await findHold(tx, holdId);
    // The transfer's lock, or without one a lock of the hold's own: of two people at once the second sees what the first has said.
    const behind = transferId ? await lockTransfer(tx, transferId) : null;
    await tx.query({ text: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', values: [holdId] });
    await mustBeOpen(tx, holdId);
    await mustBeOfNoPocket(tx, holdId);
    if (behind?.sent || behind?.status === 'COMPLETED') throw refuse('TRANSFER_WAS_SENT');
    if (behind?.status === 'HELD_FOR_REVIEW') throw refuse('TRANSFER_IN_REVIEW');
    const by = await findProposers(tx, holdId);
    if (!by.some((person) => person !== actor)) {
      if (by.includes(actor)) throw refuse('SECOND_PERSON_REQUIRED');
      await recordIntervention(tx, { actor, action: 'HOLD_RELEASE_PROPOSED', subject: holdId, note: transferId });
      return 'PROPOSED';
    }
    await release(tx, { holdId, transferId, behind });
    await recordIntervention(tx, { actor, action: 'HOLD_RELEASED', subject: holdId, note: transferId });
    return 'RELEASED';
  });
}

async function release(
  tx: Queryable,
  { holdId, transferId, behind }: { holdId: HoldId; transferId: TransferId | null; behind: Behind | null },
): Promise<void> {
  if (transferId && behind?.status === 'BALANCE_RESERVED') {
    const status = await failPayout(tx, transferId, { code: FAILURE_CODE, note: 'Ended by the staff of the bank.' });
    if (status !== 'FAILED') throw refuse('TRANSFER_WAS_SENT');
    return;
  }
  const verdict = await releaseHold(tx, holdId);
  if (!verdict.ok) throw refuse('HOLD_CLOSED');
}

async function findHold(tx: Queryable, holdId: HoldId): Promise<TransferId | null> {
  const { rows } = await tx.query<{ transfer_id: TransferId | null }>({
    text: 'SELECT transfer_id FROM ledger.hold WHERE id = $1',
    values: [holdId],
  });
  if (!rows[0]) throw refuse('HOLD_NOT_FOUND');
  return rows[0].transfer_id;
}

async function mustBeOpen(tx: Queryable, holdId: HoldId): Promise<void> {
  const { rows } = await tx.query<{ status: string }>({
    text: 'SELECT status FROM ledger.hold WHERE id = $1',
    values: [holdId],
  });
  if (rows[0]!.status !== 'OPEN') throw refuse('HOLD_CLOSED');
}

/** What is in a pocket, its owner has set aside: they free it themselves. */
async function mustBeOfNoPocket(tx: Queryable, holdId: HoldId): Promise<void> {
  const { rows } = await tx.query({ text: 'SELECT FROM ledger.pocket WHERE hold_id = $1', values: [holdId] });
  if (rows.length > 0) throw refuse('HOLD_OF_POCKET');
}

async function lockTransfer(tx: Queryable, transferId: TransferId): Promise<Behind | null> {
  await tx.query({ text: 'SELECT FROM transfer.transfer WHERE id = $1 FOR NO KEY UPDATE', values: [transferId] });
  // Read after the lock was had, by a statement of its own: attempts are other rows.
  const { rows } = await tx.query<Behind>({
    text: `SELECT status, EXISTS (SELECT FROM transfer.provider_attempt a WHERE a.transfer_id = t.id)
             OR timeline @> '[{"status": "SENT_TO_PROVIDER"}]' AS sent
           FROM transfer.transfer t WHERE id = $1`,
    values: [transferId],
  });
  return rows[0] ?? null;
}

async function findProposers(tx: Queryable, holdId: HoldId): Promise<string[]> {
  const { rows } = await tx.query<{ actor: string }>({
    text: `SELECT actor FROM transfer.intervention WHERE subject = $1 AND action = 'HOLD_RELEASE_PROPOSED'
             AND at > clock_timestamp() - make_interval(hours => $2)`,
    values: [holdId, POLICY.operations.secondPersonHours],
  });
  return rows.map(({ actor }) => actor).filter(isPerson);
}

function isPerson(actor: string): boolean {
  return parseId<UserId>(actor) !== null;
}
