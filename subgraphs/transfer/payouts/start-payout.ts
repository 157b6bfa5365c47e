import type { Assessment } from '../../../platform/questions/assess-transfer.ts';
import { newId, type TransferId } from '../../../platform/ids.ts';
import { assessTransfer } from '../assess-transfer.ts';
import type { CreateTransferAnswer, CreateTransferCall, CreateTransferDeps } from '../call.ts';
import type { PayoutCommand } from '../domain.ts';
import { feeLines } from '../quotes/fees.ts';
import { findQuote } from '../quotes/find-quote.ts';
import { holdMoney } from './hold-money.ts';
import { planPayout, type PayoutPlan } from './plan-payout.ts';
import type { HeldTransfer } from './held-store.ts';

/**
 * Starts a payout and answers at once: its money is held, and a job carries it out (pay-out.ts); or a person must look first. Called by
 * createTransfer when the command has no replay. What planning and risk refuse is not stored.
 */
export async function startPayout(
  deps: CreateTransferDeps,
  call: CreateTransferCall,
  command: PayoutCommand,
  bodyHash: Buffer,
): Promise<CreateTransferAnswer> {
  const held = await deps.gate.run(() => prepare(deps, call, command, bodyHash), call.signal);
  return holdMoney(deps, held);
}

async function prepare(
  deps: CreateTransferDeps,
  call: CreateTransferCall,
  command: PayoutCommand,
  bodyHash: Buffer,
): Promise<HeldTransfer> {
  const quote = await findQuote(deps, call.viewer, command);
  const plan = await planPayout(deps, call, command);
  const { amount, preference, quoteId, idempotencyKey, description } = command;
  const initiatedAt = deps.clock.now();
  // The id begins with the time of createdAt, so that lists sorted by id are sorted by time.
  const transferId = newId<TransferId>(initiatedAt.getTime());
  const assessment = await assess(deps, call, { ...plan, transferId, amount });
  const [{ offer }] = plan.candidates;
  return {
    transferId,
    userId: call.viewer.userId,
    idempotencyKey,
    bodyHash,
    type: plan.type,
    amount,
    feeLines: quote?.feeLines ?? feeLines({ type: plan.type, amount, offer, preference }),
    source: plan.source,
    destination: { ...plan.destination, accountId: null },
    description,
    preference,
    quoteId,
    quotedProvider: quote?.provider ?? null,
    initiatedAt,
    assessment,
  };
}

function assess(
  deps: CreateTransferDeps,
  { viewer, origin, signal }: CreateTransferCall,
  { transferId, type, source, recipientId, amount }: PayoutPlan & Pick<HeldTransfer, 'transferId' | 'amount'>,
): Promise<Assessment> {
  return assessTransfer(
    deps,
    {
      transferId,
      customerId: viewer.userId,
      type,
      sourceAccountId: source.accountId,
      destinationAccountId: null,
      recipientId,
      amountMinor: amount.amountMinor.toString(),
      currency: amount.currency,
      origin,
    },
    signal,
    { holds: true },
  );
}
