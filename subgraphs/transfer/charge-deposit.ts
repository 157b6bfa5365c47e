import type { Pool } from 'pg';
import { z } from 'zod';
import { parseId, type TransferId } from '../../platform/ids.ts';
import { NotDoneYetError, type JobTask } from '../../platform/jobs.ts';
import type { RateLimits } from '../../platform/rate-limits.ts';
import { withTransaction, type Queryable } from '../../platform/db.ts';
import { untilAborted } from '../../platform/subgraph-execution.ts';
import { ProviderRefusedError, type CardProvider, type Charge } from '../../providers/card-provider.ts';
import { completeDeposit, giveBackDeposit, readDeposit, type Credit, type Deposit } from './deposit-store.ts';
import { hasEnded } from './domain.ts';
import type { TransferStatus } from './generated/resolvers.ts';
import { recordDeadLetter } from './operations/dead-letter-store.ts';
import { stepTransfer, type Step } from './step-transfer.ts';

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
 *
 * Money that was taken and cannot be given to whom it is for (a closed account; a deposit that had ended) is booked to suspense, with a
 * dead letter. For a closed account, where the provider has said one thing only, it goes back to the card at once; after two
 * things a person looks first. The letter ends when the card has it.
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

/** The failure codes that are ours, with account_closed of transfer.complete_deposit; all others are the provider's. */
const METHOD_DISCONNECTED = 'payment_method_disconnected';
const NOT_CHARGED = 'not_charged';

/** The dead letter of money that a card was charged and that lies on suspense. */
export const DEPOSIT_SUSPENDED = 'DEPOSIT_SUSPENDED';

const payloadSchema = z.object({ transferId: z.string() });

/** It is not known yet how a deposit ends; the job is tried again. */
export class DepositOpenError extends NotDoneYetError {
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
  if (hasEnded(deposit.status)) return;
  if (deposit.status === 'INITIATED') {
    if (!deposit.methodActive) return fail(deps, transferId, METHOD_DISCONNECTED);
    const status = await step(deps, transferId, { from: ['INITIATED'], status: 'SENT_TO_PROVIDER' });
    // Its customer was quicker, and has cancelled it.
    if (hasEnded(status)) return;
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
      return fail(deps, transferId, charge.code, charge.message);
    case 'PENDING':
      return stayOpen(deps, transferId, 'the provider still works on it');
    case undefined:
      if (deposit.sentAgoMs !== null && deposit.sentAgoMs > NO_CHARGE_AFTER_MS) {
        return fail(deps, transferId, NOT_CHARGED);
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

/**
 * Takes in what the provider says of a deposit's charge when it tells by itself that something has happened, at whatever time. Nothing is
 * charged here.
 */
export async function askAboutDeposit(
  deps: ChargeDepositDeps,
  transferId: TransferId,
  signal: AbortSignal,
): Promise<void> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(PROVIDER_DEADLINE_MS)]);
  const charge = await untilAborted(deps.cards.findCharge(transferId, deadline), deadline);
  if (charge?.outcome === 'SUCCEEDED') return credit(deps, transferId);
  if (charge?.outcome !== 'DECLINED') return;
  const { status } = await readDeposit(deps.pool, transferId);
  if (status === 'COMPLETED') {
    await recordDeadLetter(deps.pool, {
      transferId,
      kind: 'PROVIDER_CONTRADICTION',
      class: 'PERMANENT',
      severity: 'CRITICAL',
      reason: 'The card was charged and the deposit credited; now the provider says that it was declined.',
      details: { provider: deps.cards.name, said: charge },
    });
    deps.wakeUp.signal();
  } else if (!hasEnded(status) && status !== 'INITIATED') {
    await fail(deps, transferId, charge.code, charge.message);
  }
}

/** The money has been taken, so it is never given up: an account that cannot take it just now gets it later. */
async function credit(deps: ChargeDepositDeps, transferId: TransferId): Promise<void> {
  const refusal = await withTransaction(deps.pool, async (tx) => {
    const { refusal, suspendedAs } = await completeDeposit(tx, transferId);
    if (suspendedAs) await suspend(tx, transferId, suspendedAs, deps.cards.name);
    return refusal;
  });
  deps.wakeUp.signal();
  if (refusal === null) return;
  await step(deps, transferId, {
    from: ['SENT_TO_PROVIDER'],
    status: 'PROVIDER_CONFIRMING',
    step: 'AWAITING_ACCOUNT',
    note: 'The money was taken from the card. The account cannot take it just now; it is credited as soon as it can.',
  });
  throw new DepositOpenError(`deposit ${transferId} was charged and cannot be credited: ${refusal}`);
}

async function suspend(
  tx: Queryable,
  transferId: TransferId,
  why: NonNullable<Credit['suspendedAs']>,
  provider: string,
): Promise<void> {
  const certain = why === 'HELD_IN_SUSPENSE';
  await recordDeadLetter(tx, {
    transferId,
    kind: DEPOSIT_SUSPENDED,
    class: 'RECOVERABLE',
    severity: 'HIGH',
    reason: certain
      ? 'A card was charged for an account that has been closed. The money lies on suspense and is being given back to the card.'
      : 'A card was charged after its deposit had ended. The money lies on suspense: a retry gives it back to the card.',
    details: { provider, step: why },
  });
  if (certain) await giveBackDeposit(tx, transferId);
}

async function fail(
  deps: ChargeDepositDeps,
  transferId: TransferId,
  failureCode: string,
  note?: string,
): Promise<void> {
  await step(deps, transferId, {
    from: ['INITIATED', 'SENT_TO_PROVIDER', 'PROVIDER_CONFIRMING'],
    status: 'FAILED',
    failureCode,
    ...(note !== undefined && { note }),
  });
}

async function stayOpen(deps: ChargeDepositDeps, transferId: TransferId, why: string, cause?: unknown): Promise<void> {
  await step(deps, transferId, { from: ['SENT_TO_PROVIDER'], status: 'PROVIDER_CONFIRMING' });
  throw new DepositOpenError(`deposit ${transferId}: ${why}`, { cause });
}

async function step<const From extends TransferStatus>(
  { pool, wakeUp }: ChargeDepositDeps,
  transferId: TransferId,
  next: Step<From>,
): Promise<TransferStatus> {
  const status = await stepTransfer(pool, transferId, next);
  wakeUp.signal();
  return status;
}
