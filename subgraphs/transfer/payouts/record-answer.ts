import type { Pool } from 'pg';
import { withRetry, withTransaction, type Queryable } from '../../../platform/db.ts';
import type { TransferId } from '../../../platform/ids.ts';
import { NotDoneYetError } from '../../../platform/jobs.ts';
import type { Payout } from '../../../providers/payout-provider.ts';
import { recordDeadLetter } from '../operations/dead-letter-store.ts';
import { isLikelyFee } from './compare-notice.ts';
import {
  closeAttempt,
  completePayout,
  notePayout,
  readPayout,
  returnPayout,
  type AnswerVerdict,
  type Attempt,
  type AttemptOf,
} from './payout-store.ts';

/*
 * Takes in what a provider says of an attempt: as the answer to a call, when it is asked later, or by itself. It may come in any order,
 * late and again; what ends an attempt ends it once, and what contradicts that changes nothing and is put before staff.
 *
 *   attempt       SUCCEEDED       PENDING          DECLINED         RETURNED
 *   open          completes       is noted         closes           completes, then gives back
 *   SUCCEEDED     known           old news         contradiction    gives back
 *   RETURNED      old news        old news         contradiction    known
 *   DECLINED      contradiction   old news         known            contradiction
 *   never there   contradiction   contradiction    known            contradiction
 */

/** The dead letter of a provider that says two things. */
export const PROVIDER_CONTRADICTION = 'PROVIDER_CONTRADICTION';
/** The dead letter of money that has left and cannot be booked: its hold is gone. */
export const PAYOUT_NOT_CAPTURED = 'PAYOUT_NOT_CAPTURED';
/** The dead letter of a fee that cannot be what a provider has taken. */
export const FEE_NOT_BELIEVED = 'FEE_NOT_BELIEVED';
/** The dead letter of money that came back for an account that has been closed. */
export const PAYOUT_SUSPENDED = 'PAYOUT_SUSPENDED';

export interface AnswerDeps {
  pool: Pool;
  /** Told after every commit that appended events. */
  wakeUp: { signal(): void };
}

/** It is not known yet how a payout ends; it is tried again. */
export class PayoutOpenError extends NotDoneYetError {
  override readonly name = 'PayoutOpenError';
}

/**
 * Takes it in, and says whether that did anything. NOTED: the attempt stays open. STUCK: the money has left and cannot be booked; a
 * person must look. Throws PayoutOpenError when it can only be taken in later.
 */
export async function recordAnswer(
  deps: AnswerDeps,
  transferId: TransferId,
  attempt: Pick<Attempt, 'number' | 'provider' | 'outcome'>,
  said: Payout,
): Promise<AnswerVerdict | 'NOTED' | 'STUCK'> {
  const of = { transferId, number: attempt.number };
  const verdict = await withRetry(() =>
    withTransaction(deps.pool, async (tx) => {
      const taken = await take(tx, of, attempt, await believed(tx, of, attempt, said));
      if (taken === 'CONTRADICTION' || taken === 'NOT_CAPTURED' || taken === 'SUSPENDED') {
        await recordDeadLetter(tx, { transferId, ...LETTERS[taken], details: detailsOf(attempt, said) });
      }
      return taken;
    }),
  );
  deps.wakeUp.signal();
  if (verdict === 'NOT_CAPTURED') return 'STUCK';
  return verdict === 'SUSPENDED' ? 'DONE' : verdict;
}

/** What it says, without a fee that nobody takes for such a payout: that is booked nowhere, and staff look. */
async function believed(
  tx: Queryable,
  { transferId }: AttemptOf,
  { provider }: Pick<Attempt, 'provider'>,
  said: Payout,
): Promise<Payout> {
  if (said.outcome !== 'SUCCEEDED' || said.feeMinor === null) return said;
  const payout = await readPayout(tx, transferId);
  if (!payout || isLikelyFee(said.feeMinor, payout.amount)) return said;
  await recordUnbelievedFee(tx, { transferId, provider, said });
  return { ...said, feeMinor: null };
}

/** Puts a fee before staff that a provider has told of. */
export async function recordUnbelievedFee(
  tx: Queryable,
  { transferId, provider, said }: { transferId: TransferId; provider: string; said: Payout },
): Promise<void> {
  await recordDeadLetter(tx, {
    transferId,
    kind: FEE_NOT_BELIEVED,
    class: 'PERMANENT',
    severity: 'HIGH',
    reason: `${provider} tells of a fee that it cannot have taken for this payout. It was not booked.`,
    details: { provider, said: shownPayout(said) },
  });
}

async function take(
  tx: Queryable,
  of: AttemptOf,
  attempt: Pick<Attempt, 'outcome'>,
  said: Payout,
): Promise<AnswerVerdict | 'NOTED' | 'NOT_CAPTURED' | 'SUSPENDED'> {
  switch (said.outcome) {
    case 'SUCCEEDED':
      return complete(tx, of, said);
    case 'RETURNED':
      return giveBack(tx, of, said);
    case 'DECLINED':
      return closeAttempt(tx, of, said);
    case 'PENDING':
      // What never was at the provider cannot be under way there.
      if (attempt.outcome === 'NOT_HERE' || attempt.outcome === 'UNREACHABLE') return 'CONTRADICTION';
      await notePayout(tx, of, { status: 'PROVIDER_PROCESSING', step: said.step, reference: said.reference });
      return 'NOTED';
  }
}

async function complete(
  tx: Queryable,
  of: AttemptOf,
  said: { reference: string; feeMinor: bigint | null },
): Promise<AnswerVerdict | 'NOT_CAPTURED'> {
  const verdict = await completePayout(tx, of, said);
  return verdict === 'DONE' || verdict === 'KNOWN' || verdict === 'CONTRADICTION' ? verdict : 'NOT_CAPTURED';
}

async function giveBack(
  tx: Queryable,
  of: AttemptOf,
  said: Payout & { outcome: 'RETURNED' },
): Promise<AnswerVerdict | 'NOT_CAPTURED' | 'SUSPENDED'> {
  let verdict = await returnPayout(tx, of, said);
  if (verdict === 'OPEN') {
    // It says both at once: that it had arrived, and that it came back. Two facts, two entries.
    const completed = await complete(tx, of, { reference: said.reference, feeMinor: null });
    if (completed === 'CONTRADICTION' || completed === 'NOT_CAPTURED') return completed;
    verdict = await returnPayout(tx, of, said);
  }
  if (verdict === 'DONE' || verdict === 'KNOWN' || verdict === 'CONTRADICTION' || verdict === 'SUSPENDED')
    return verdict;
  throw new PayoutOpenError(`transfer ${of.transferId} came back and cannot be given back yet: ${verdict}`);
}

/** What is kept of an answer for whoever looks into it. */
function detailsOf(attempt: Pick<Attempt, 'number' | 'provider' | 'outcome'>, said: Payout): object {
  return {
    provider: attempt.provider,
    attempt: attempt.number,
    known: attempt.outcome,
    said: shownPayout(said),
  };
}

/** As it is kept: JSON knows no bigint. */
export function shownPayout(said: Payout | null): object | null {
  return said && { ...said, ...('feeMinor' in said && { feeMinor: said.feeMinor?.toString() ?? null }) };
}

/** What a person is told, by what has happened. */
const LETTERS = {
  CONTRADICTION: {
    kind: PROVIDER_CONTRADICTION,
    class: 'PERMANENT',
    severity: 'CRITICAL',
    reason: 'The provider says of a payout what cannot be true with what it said before. Nothing was changed.',
  },
  NOT_CAPTURED: {
    kind: PAYOUT_NOT_CAPTURED,
    class: 'RECOVERABLE',
    severity: 'CRITICAL',
    reason: 'The provider has paid, and the hold of the payout cannot be captured.',
  },
  SUSPENDED: {
    kind: PAYOUT_SUSPENDED,
    class: 'PERMANENT',
    severity: 'HIGH',
    reason: 'A payout came back for an account that has been closed: it lies on suspense and must be given back.',
  },
} as const;
