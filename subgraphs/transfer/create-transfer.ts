import { isPostingStopped } from '../../ledger/posting-gate.ts';
import type { Leg } from '../../ledger/entry.ts';
import { newId, type TransferId } from '../../platform/ids.ts';
import type { Money } from '../../platform/money.ts';
import type { Assessment } from '../../platform/questions/assess-transfer.ts';
import { Refusal } from '../../platform/refusal.ts';
import type { Viewer } from '../../platform/viewer.ts';
import { assessTransfer } from './assess-transfer.ts';
import {
  refused,
  replayOf,
  type CreateTransferAnswer,
  type CreateTransferCall,
  type CreateTransferDeps,
} from './call.ts';
import {
  hashCommand,
  isDeposit,
  isPayout,
  parseCommand,
  type AccountCommand,
  type TransferCommand,
  type TransferInput,
} from './domain.ts';
import type { TransferParent } from './graph-types.ts';
import { lookUpEnds, planEnds, type Ends, type LookedUp } from './plan-ends.ts';
import type { PlannedTransfer, Verdict } from './poster.ts';
import { priceExchange, settleExchange } from './price-exchange.ts';
import type { HeldTransfer } from './payouts/held-store.ts';
import { holdMoney } from './payouts/hold-money.ts';
import { startPayout } from './payouts/start-payout.ts';
import { findQuote } from './quotes/find-quote.ts';
import { ledgerError, refuse, TRANSFER_REFUSALS, transferError, type TransferRefusal } from './refusals.ts';
import { startDeposit } from './start-deposit.ts';

/**
 * Moves money once per idempotency key.
 *
 * 1. Parse. All faults of the input are told at once.
 * 2. Replay: a key that was decided before is answered from what was stored, whatever planning or risk would say today.
 * 3. Plan: both ends are looked up and checked, and an exchange is priced, at the quote where one is named. A refusal here stores
 *    nothing. (The ends are looked up together with the key, to save a round trip, and judged only when there is no replay.)
 * 4. Risk is asked once, outside any database transaction, within a deadline. A refusal here stores nothing.
 * 5. Post: one call of the poster decides under the ledger's locks, and what it decides is final for this key.
 *
 * Money from a payment method takes another way after step 2 (start-deposit.ts), and so does money that leaves the bank
 * (payouts/start-payout.ts). What risk wants a person to look at first is held in place of step 5, and waits (review/).
 */
export async function createTransfer(
  deps: CreateTransferDeps,
  call: CreateTransferCall,
  input: TransferInput,
): Promise<CreateTransferAnswer> {
  const command = parseCommand(input);
  if ('faults' in command) return refused(...command.faults.map(({ code, field }) => transferError(code, field)));
  const bodyHash = hashCommand(command);
  const replaying = findReplay(deps, call.viewer, command, bodyHash);
  try {
    if (isDeposit(command)) return (await replaying) ?? (await startDeposit(deps, call, command, bodyHash));
    if (isPayout(command)) return (await replaying) ?? (await startPayout(deps, call, command, bodyHash));
    const [replay, ends] = await Promise.all([replaying, lookUpEnds(deps, command)]);
    if (replay) return replay;
    return await deps.gate.run(() => move(deps, call, command, ends, bodyHash), call.signal);
  } catch (error) {
    // Whoever held or posted something itself; nothing of it was done.
    if (isPostingStopped(error)) return refused(transferError('BANK_READ_ONLY'));
    if (!(error instanceof Refusal) || !(error.code in TRANSFER_REFUSALS)) throw error;
    // The `in` above is the check that this code belongs to this subgraph.
    return refused(transferError(error.code as TransferRefusal, error.field));
  }
}

async function findReplay(
  deps: CreateTransferDeps,
  viewer: Viewer,
  { idempotencyKey }: TransferCommand,
  bodyHash: Buffer,
): Promise<CreateTransferAnswer | null> {
  const decided = await deps.lookups.key(viewer.userId, idempotencyKey);
  if (!decided) return null;
  if (!decided.bodyHash.equals(bodyHash)) throw refuse('IDEMPOTENCY_KEY_REUSED', ['idempotencyKey']);
  if (decided.verdict) return { transfer: null, replayed: true, userErrors: [ledgerError(decided.verdict)] };
  return replayOf(deps, decided.transferId);
}

/** Steps 3 to 5. */
async function move(
  deps: CreateTransferDeps,
  call: CreateTransferCall,
  command: AccountCommand,
  lookedUp: LookedUp,
  bodyHash: Buffer,
): Promise<CreateTransferAnswer> {
  const planned = await planMove(deps, call, command, lookedUp, bodyHash);
  if (planned.assessment.decision === 'REVIEW') return holdMoney(deps, toHeld(planned));
  return toAnswer(deps, planned, await deps.poster.post(planned));
}

/** Steps 3 and 4: a transfer that is ready to be posted, or to be held where its assessment says REVIEW. Stores nothing; refuses by throwing. */
export async function planMove(
  deps: CreateTransferDeps,
  call: CreateTransferCall,
  command: AccountCommand,
  lookedUp: LookedUp,
  bodyHash: Buffer,
): Promise<PlannedTransfer> {
  const { idempotencyKey, amount, description } = command;
  const quote = await findQuote(deps, call.viewer, command);
  const ends = await planEnds(deps, call, command, lookedUp);
  const exchange = { amount, ...ends };
  const settlement =
    ends.type === 'EXCHANGE'
      ? await settleExchange(deps, exchange, quote?.exchange ?? (await priceExchange(deps, exchange, call.signal)))
      : { destinationAmount: amount, exchange: null, legs: transferLegs(amount, ends) };
  const initiatedAt = deps.clock.now();
  // The id begins with the time of createdAt, so that lists sorted by id are sorted by time.
  const transferId = newId<TransferId>(initiatedAt.getTime());
  const { type, source, destination } = ends;
  const planned: PlannedTransfer = {
    transferId,
    userId: call.viewer.userId,
    idempotencyKey,
    bodyHash,
    type,
    amount,
    source,
    destination,
    description,
    initiatedAt,
    assessment: await assess(deps, call, { transferId, amount, ...ends }),
    ...settlement,
    quoteId: command.quoteId,
  };
  return planned;
}

/** An INTERNAL transfer that a person must look at first. */
function toHeld(planned: PlannedTransfer): HeldTransfer {
  const { source, destination, quoteId = null } = planned;
  return {
    ...planned,
    type: 'INTERNAL',
    feeLines: [],
    source,
    destination: { ...destination, paymentMethodId: null, reference: null, holder: null },
    preference: null,
    quoteId,
    quotedProvider: null,
  };
}

/** The postings of an INTERNAL transfer. Each owner reads the other end's label on the statement. */
function transferLegs({ amountMinor, currency }: Money, { source, destination }: Ends): Leg[] {
  return [
    {
      accountId: source.accountId,
      currency,
      amountMinor: -amountMinor,
      lineType: 'TRANSFER_OUT',
      counterparty: destination.label,
    },
    { accountId: destination.accountId, currency, amountMinor, lineType: 'TRANSFER_IN', counterparty: source.label },
  ];
}

function assess(
  deps: CreateTransferDeps,
  { viewer, origin, signal }: CreateTransferCall,
  { transferId, type, source, destination, amount }: Ends & { transferId: TransferId; amount: Money },
): Promise<Assessment> {
  return assessTransfer(
    deps,
    {
      transferId,
      customerId: viewer.userId,
      type,
      sourceAccountId: source.accountId,
      destinationAccountId: destination.accountId,
      recipientId: destination.ownerId,
      amountMinor: amount.amountMinor.toString(),
      currency: amount.currency,
      origin,
    },
    signal,
    { holds: type === 'INTERNAL' },
  );
}

async function toAnswer(
  deps: CreateTransferDeps,
  planned: PlannedTransfer,
  verdict: Verdict,
): Promise<CreateTransferAnswer> {
  switch (verdict.outcome) {
    case 'DONE':
      return { transfer: posted(planned, verdict.at), replayed: false, userErrors: [] };
    case 'REFUSED':
      return refused(ledgerError(verdict.code));
    case 'KEY_REUSED':
      throw refuse('IDEMPOTENCY_KEY_REUSED', ['idempotencyKey']);
    case 'REPLAYED':
      return verdict.code === null
        ? replayOf(deps, verdict.transferId)
        : { transfer: null, replayed: true, userErrors: [ledgerError(verdict.code)] };
  }
}

/** The transfer as transfer.create_transfers has just stored it (a test compares the two), without reading it again. */
function posted(planned: PlannedTransfer, at: Date): TransferParent {
  const { transferId, type, amount, destinationAmount, exchange, source, destination, description, initiatedAt } =
    planned;
  const createdAt = initiatedAt < at ? initiatedAt : at;
  return {
    id: transferId,
    type,
    status: 'COMPLETED',
    amount,
    destinationAmount,
    exchangeRate: exchange?.rate ?? null,
    feesMinor: 0n,
    feeLines: [],
    source: { ...source, paymentMethodId: null },
    destination: { ...destination, paymentMethodId: null },
    description,
    failureCode: null,
    timeline: [
      { status: 'INITIATED', at: createdAt, step: null, note: null },
      { status: 'COMPLETED', at, step: null, note: null },
    ],
    createdAt,
    updatedAt: at,
  };
}
