import type { Pool } from 'pg';
import type { RateLimits } from '../../platform/rate-limits.ts';
import type { Providers } from '../../providers/providers.ts';
import { askAboutDeposit } from './charge-deposit.ts';
import type { ApplyNoticeDeps } from './notices/apply-notice.ts';
import { askPayout } from './payouts/apply-provider-notice.ts';

/** What a notice of a provider leads to: the operations of payouts and deposits, on the jobs' connections. */
export function createNoticeOperations({
  jobsPool: pool,
  payouts,
  cards,
  wakeUp,
  limits,
}: Pick<Providers, 'payouts' | 'cards'> & {
  jobsPool: Pool;
  wakeUp: { signal(): void };
  limits: Pick<RateLimits, 'penalize'>;
}): Pick<ApplyNoticeDeps, 'askPayout' | 'askDeposit'> {
  return {
    async askPayout(transferId, signal, notice) {
      if (!payouts) throw new Error('this bank can ask nobody about payouts');
      await askPayout({ pool, payouts, wakeUp }, transferId, signal, notice);
    },
    async askDeposit(transferId, signal) {
      if (!cards) throw new Error('this bank can ask nobody about cards');
      await askAboutDeposit({ pool, cards, wakeUp, limits }, transferId, signal);
    },
  };
}
