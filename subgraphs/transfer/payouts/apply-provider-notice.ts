import type { TransferId } from '../../../platform/ids.ts';
import type { Payout } from '../../../providers/payout-provider.ts';
import { recordDeadLetter } from '../operations/dead-letter-store.ts';
import { hurryPayOut } from './jobs.ts';
import { compareNotice, feeDiffers } from './compare-notice.ts';
import { findPayout, keyOf, type PayOutDeps } from './pay-out.ts';
import { closeAttempt, readPayout, type Attempt, type StoredPayout } from './payout-store.ts';
import {
  PayoutOpenError,
  PROVIDER_CONTRADICTION,
  recordAnswer,
  recordUnbelievedFee,
  shownPayout,
  type AnswerDeps,
} from './record-answer.ts';

/*
 * What a provider says of a payout when it is asked, by itself or after it has told something on its own. It may come before the answer to the
 * call that it is about, again, late, and in any order: the end is the same (record-answer.ts).
 */

/** What a provider has told on its own: that something has happened to a payout, and perhaps what. */
export interface NoticeOfPayout {
  provider: string;
  said: Payout | null;
  /** The provider has had its time to say the same when asked. */
  isOld: boolean;
}

/** Takes in what a provider says of a payout. Throws PayoutOpenError when it can only be taken in later. */
export async function applyProviderNotice(
  deps: AnswerDeps,
  transferId: TransferId,
  { provider, payout: said }: { provider: string; payout: Payout },
): Promise<void> {
  const payout = await readPayout(deps.pool, transferId);
  const attempt = payout?.attempts.findLast((known) => known.provider === provider);
  if (!attempt) return neverGiven(deps, transferId, provider, said.outcome);
  const verdict = await recordAnswer(deps, transferId, attempt, said);
  // The job waits for its next look; what is to be done now need not wait for that. Also when it was known: who took it in may have died here.
  if ((verdict === 'DONE' || verdict === 'KNOWN') && said.outcome === 'DECLINED')
    await hurryPayOut(deps.pool, transferId);
}

/**
 * Asks the provider of a payout what became of it, by our key, and takes in what it says: that, and not what a notice of it says. Where the two cannot
 * both be true staff hear of it first, so that nothing is sent elsewhere or given back meanwhile. Throws what the provider throws, and
 * PayoutOpenError while it is only behind its notice.
 */
export async function askPayout(
  deps: PayOutDeps,
  transferId: TransferId,
  signal: AbortSignal,
  notice?: NoticeOfPayout,
): Promise<void> {
  const payout = await readPayout(deps.pool, transferId);
  const attempt =
    payout &&
    (notice ? payout.attempts.findLast(({ provider }) => provider === notice.provider) : attemptToAsk(payout));
  if (!attempt) {
    if (notice) await neverGiven(deps, transferId, notice.provider, notice.said?.outcome ?? 'something');
    return;
  }
  const said = await findPayout(deps, payout, attempt, signal);
  const differs = notice?.said ? compareNotice(notice.said, said, keyOf(transferId)) : 'AGREES';
  if (notice?.said && (differs === 'CONTRADICTS' || (differs === 'BEHIND' && notice.isOld))) {
    await contradicted(deps, transferId, notice, said);
  }
  if (notice?.said && feeDiffers(notice.said, said, payout.amount)) {
    await recordUnbelievedFee(deps.pool, { transferId, provider: notice.provider, said: notice.said });
  }
  if (said) await applyProviderNotice(deps, transferId, { provider: attempt.provider, payout: said });
  else await isNotThere(deps, transferId, attempt);
  if (differs === 'BEHIND' && !notice?.isOld) {
    throw new PayoutOpenError(`payout ${transferId}: ${attempt.provider} does not say yet what it has told on its own`);
  }
}

/** The provider of an attempt does not have it, and never will. */
async function isNotThere(deps: PayOutDeps, transferId: TransferId, attempt: Attempt): Promise<void> {
  if (attempt.outcome === 'SUCCEEDED' || attempt.outcome === 'RETURNED') {
    return neverGiven(deps, transferId, attempt.provider, 'NOT_HERE');
  }
  if (attempt.outcome !== null) return;
  await closeAttempt(
    deps.pool,
    { transferId, number: attempt.number },
    {
      outcome: 'NOT_HERE',
      code: 'not_sent',
      message: 'The provider never took it.',
    },
  );
  await hurryPayOut(deps.pool, transferId);
}

/** The one that may yet pay, or has paid. */
function attemptToAsk({ attempts }: StoredPayout): Attempt | undefined {
  return attempts.find(({ outcome }) => outcome === null || outcome === 'SUCCEEDED' || outcome === 'RETURNED');
}

async function contradicted(
  { pool, wakeUp }: AnswerDeps,
  transferId: TransferId,
  { provider, said: told }: NoticeOfPayout,
  answered: Payout | null,
): Promise<void> {
  await recordDeadLetter(pool, {
    transferId,
    kind: PROVIDER_CONTRADICTION,
    class: 'PERMANENT',
    severity: 'CRITICAL',
    reason: `A notice of ${provider} says ${told?.outcome} of a payout, and ${provider} itself ${answered?.outcome ?? 'has nothing of it'}.`,
    details: { provider, told: shownPayout(told), answered: shownPayout(answered) },
  });
  wakeUp.signal();
}

/** A provider speaks of a payout that it was never given, or denies one that it has paid. */
async function neverGiven(
  { pool, wakeUp }: AnswerDeps,
  transferId: TransferId,
  provider: string,
  said: string,
): Promise<void> {
  await recordDeadLetter(pool, {
    transferId,
    kind: PROVIDER_CONTRADICTION,
    class: 'PERMANENT',
    severity: 'CRITICAL',
    reason: `${provider} says ${said} of a payout, which contradicts what was given to it. Nothing was changed.`,
    details: { provider, said },
  });
  wakeUp.signal();
}
