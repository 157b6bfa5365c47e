import type { Pool } from 'pg';
import { z } from 'zod';
import { parseId, type TransferId } from '../../platform/ids.ts';
import type { JobTask } from '../../platform/jobs.ts';
import type { RateLimits } from '../../platform/rate-limits.ts';
import { untilAborted } from '../../platform/subgraph-execution.ts';
import { ProviderRefusedError, type CardProvider, type Charge } from '../../providers/card-provider.ts';
import { completeDeposit, readDeposit, stepDeposit, type Deposit, type DepositStep } from './deposit-store.ts';

/*
 * The job of one deposit. It may be cut off anywhere, run again, and run twice at once, because each thing it does is safe to
 * repeat: steps are taken under the transfer's lock and never back; the provider charges a key once; the credit is made once.
 *
 * 1. Read. What has ended is done.
 * 2. SENT_TO_PROVIDER is written before the provider hears of it: whoever comes after a crash knows that there may be a charge.
 * 3. Ask the provider, outside any transaction. A first time: charge, under the deposit's own key. Later: look for the charge
 *    first, by the transfer's id; when there is none, send the same key again while the provider still remembers keys, and
 *    afterwards only look.
 * 4. SUCCEEDED: credit. DECLINED: FAILED with the provider's code. Anything else: PROVIDER_CONFIRMING, and the job is tried again.
 */

export interface ChargeDepositDeps {
  /** The jobs' own connections. */
  pool: Pool;
  cards: CardProvider;
  /** Told after every commit that appended events. */
  wakeUp: { signal(): void };
  /** Told of every decline: who tries out stolen cards tries many. */
  limits: Pick<RateLimits, 'penalize'>;
}

/** Longer than a provider ever takes. What has not answered by then is unknown, not failed. */
const PROVIDER_DEADLINE_MS = 20_000;

const HOUR_MS = 3_600_000;
/** The provider forgets keys after 24 hours and would then charge a second time. */
const KEY_LIFETIME_MS = 23 * HOUR_MS;
/** When the provider still knows of no charge two hours after the key was last sent, there is none and will be none. */
const NO_CHARGE_AFTER_MS = 25 * HOUR_MS;

/** The failure codes that are ours; all others are the provider's. */
const METHOD_DISCONNECTED = 'payment_method_disconnected';
const NOT_CHARGED = 'not_charged';

const payloadSchema = z.object({ transferId: z.string() });

/** It is not known yet how a deposit ends; the job is tried again. */
export class DepositOpenError extends Error {
  override readonly name = 'DepositOpenError';
}

/** The job "charge-deposit". */
export function createChargeDeposit(deps: ChargeDepositDeps): JobTask {
  return async (payload, signal) => {
    const transferId = parseId<TransferId>(payloadSchema.parse(payload).transferId);
    if (!transferId) throw new Error('a job without a transfer id');
    await chargeDeposit(deps, transferId, signal);
  };
}

/** Brings a deposit to its end, or throws DepositOpenError after writing down how far it came. */
export async function chargeDeposit(
  deps: ChargeDepositDeps,
  transferId: TransferId,
  signal: AbortSignal,
): Promise<void> {
  const deposit = await readDeposit(deps.pool, transferId);
  if (deposit.status === 'COMPLETED' || deposit.status === 'FAILED') return;
  if (deposit.status === 'INITIATED') {
    if (!deposit.methodActive) return step(deps, transferId, { status: 'FAILED', failureCode: METHOD_DISCONNECTED });
    await step(deps, transferId, { status: 'SENT_TO_PROVIDER' });
  }
  let charge: Charge | null;
  try {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(PROVIDER_DEADLINE_MS)]);
    charge = await untilAborted(askProvider(deps.cards, deposit, deadline), deadline);
  } catch (error) {
    // Whatever went wrong, money may have been taken: ProviderOutcomeUnknownError says so, and nothing else denies it.
    return stayOpen(deps, transferId, 'the provider has not said what became of it', error);
  }
  switch (charge?.outcome) {
    case 'SUCCEEDED':
      return credit(deps, transferId);
    case 'DECLINED':
      await deps.limits.penalize('card-charge-failure', deposit.userId);
      return step(deps, transferId, { status: 'FAILED', failureCode: charge.code, note: charge.message });
    case 'PENDING':
      return stayOpen(deps, transferId, 'the provider still works on it');
    case undefined:
      if (deposit.sentAgoMs !== null && deposit.sentAgoMs > NO_CHARGE_AFTER_MS) {
        return step(deps, transferId, { status: 'FAILED', failureCode: NOT_CHARGED });
      }
      return stayOpen(deps, transferId, 'the provider knows of no charge, and its key is too old to be sent again');
  }
}

/** What the provider made of it; null when there is no charge and none may be made any more. */
async function askProvider(cards: CardProvider, deposit: Deposit, signal: AbortSignal): Promise<Charge | null> {
  const { transferId, reference, amount, sentAgoMs } = deposit;
  if (sentAgoMs !== null) {
    const found = await cards.findCharge(transferId, signal);
    if (found) return found;
    if (sentAgoMs > KEY_LIFETIME_MS) return null;
  }
  try {
    return await cards.charge({ key: `deposit_${transferId}`, transferId, reference, ...amount }, signal);
  } catch (error) {
    if (!(error instanceof ProviderRefusedError)) throw error;
    return { outcome: 'DECLINED', chargeId: null, code: error.code, message: error.message };
  }
}

/** The money has been taken, so it is never given up: an account that cannot take it just now gets it later. */
async function credit(deps: ChargeDepositDeps, transferId: TransferId): Promise<void> {
  const refusal = await completeDeposit(deps.pool, transferId);
  deps.wakeUp.signal();
  if (refusal === null) return;
  await step(deps, transferId, {
    status: 'PROVIDER_CONFIRMING',
    step: 'AWAITING_ACCOUNT',
    note: 'The money was taken from the card. The account cannot take it just now; it is credited as soon as it can.',
  });
  throw new DepositOpenError(`deposit ${transferId} was charged and cannot be credited: ${refusal}`);
}

async function stayOpen(deps: ChargeDepositDeps, transferId: TransferId, why: string, cause?: unknown): Promise<void> {
  await step(deps, transferId, { status: 'PROVIDER_CONFIRMING' });
  throw new DepositOpenError(`deposit ${transferId}: ${why}`, { cause });
}

async function step({ pool, wakeUp }: ChargeDepositDeps, transferId: TransferId, next: DepositStep): Promise<void> {
  await stepDeposit(pool, transferId, next);
  wakeUp.signal();
}
