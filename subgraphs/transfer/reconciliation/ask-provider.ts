import { z } from 'zod';
import type { Pool } from 'pg';
import { withTransaction, type Queryable } from '../../../platform/db.ts';
import { parseId, type TransferId } from '../../../platform/ids.ts';
import { enqueueJobs, type JobTask } from '../../../platform/jobs.ts';
import { JOBS_SCHEMA } from '../listeners.ts';
import type { ApplyNoticeDeps } from '../notices/apply-notice.ts';
import { noticedTransfer } from '../notices/notice-store.ts';
import { reconcileAccount } from './reconcile-account.ts';
import { lockAccount, type SettlementAccount } from './settlement-store.ts';

/*
 * A statement may say of a payment what no webhook has said yet: that it was made, or that it came back. A statement alone moves nobody's
 * money; the provider is asked by our key, and what it answers is taken in as always. Then the account is reconciled again.
 */

/** The job's name; its payload is the account and the transfer. */
export const ASK_PROVIDER = 'ask-provider';

export interface AskProviderDeps extends Pick<ApplyNoticeDeps, 'askPayout' | 'askDeposit'> {
  pool: Pool;
  wakeUp: { signal(): void };
}

const payloadSchema = z.object({ provider: z.string(), currency: z.string(), transferId: z.string() });

/** Has providers asked about transfers, once each however often it is wanted before the job has run. */
export async function enqueueAsking(
  tx: Queryable,
  account: SettlementAccount,
  transferIds: readonly TransferId[],
): Promise<void> {
  if (transferIds.length === 0) return;
  await enqueueJobs(tx, {
    schema: JOBS_SCHEMA,
    task: ASK_PROVIDER,
    jobs: transferIds.map((transferId) => ({
      key: `ask:${account.provider}:${account.currency}:${transferId}`,
      payload: { ...account, transferId },
    })),
  });
}

/** The job "ask-provider". */
export function createAskProvider({ pool, wakeUp, askPayout, askDeposit }: AskProviderDeps): JobTask {
  return async (payload, signal) => {
    const { transferId: id, ...account } = payloadSchema.parse(payload);
    const transferId = parseId<TransferId>(id);
    if (!transferId) throw new Error('a job without a transfer id');
    if ((await noticedTransfer(pool, transferId))?.type === 'DEPOSIT') await askDeposit(transferId, signal);
    // Its own provider, whoever has the payment now: a statement that says "paid" of one that was declined is a contradiction.
    else await askPayout(transferId, signal, { provider: account.provider, said: null, isOld: false });
    await withTransaction(pool, async (tx) => {
      await lockAccount(tx, account);
      await reconcileAccount(tx, account);
    });
    wakeUp.signal();
  };
}
