import type { TransferId } from '../../../platform/ids.ts';
import type { Payout } from '../../../providers/payout-provider.ts';
import { recordDeadLetter } from '../operations/dead-letter-store.ts';
import { hurryPayOut } from './jobs.ts';
import { findPayout, type PayOutDeps } from './pay-out.ts';
import { closeAttempt, readPayout, type Attempt, type StoredPayout } from './payout-store.ts';
import { PROVIDER_CONTRADICTION, recordAnswer, type AnswerDeps } from './record-answer.ts';

/*
 * What a provider tells on its own, already proved to be from it. It may come before the answer to the call that it is about, again, late,
 * and in any order: the end is the same (record-answer.ts).
 */

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

/** Asks the provider of a payout what became of it, by our key, and takes in what it says. Throws what the provider throws. */
export async function askPayout(deps: PayOutDeps, transferId: TransferId, signal: AbortSignal): Promise<void> {
  const payout = await readPayout(deps.pool, transferId);
  const attempt = payout && attemptToAsk(payout);
  if (!attempt) return;
  const said = await findPayout(deps, transferId, attempt, signal);
  if (said) return applyProviderNotice(deps, transferId, { provider: attempt.provider, payout: said });
  if (attempt.outcome !== null) return neverGiven(deps, transferId, attempt.provider, 'NOT_HERE');
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
