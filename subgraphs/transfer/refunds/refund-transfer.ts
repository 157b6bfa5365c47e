import { createHash } from 'node:crypto';
import { isPostingStopped } from '../../../ledger/posting-gate.ts';
import { isDatabaseLost, withRetry } from '../../../platform/db.ts';
import { newId, parseId, type TransferId } from '../../../platform/ids.ts';
import { answerRefusals, Refusal, type UserError } from '../../../platform/refusal.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import { OutcomeUnknownError } from '../poster.ts';
import type { CreateTransferDeps } from '../call.ts';
import { parseDescription, parseKey, parseMoney, type TransferInput } from '../domain.ts';
import type { TransferParent } from '../graph-types.ts';
import { REFUND_REFUSALS, verdictRefusal, type RefundRefusal } from './refusals.ts';
import {
  storeCardRefund,
  storeRefund,
  type PlannedCardRefund,
  type PlannedRefund,
  type RefundOutcome,
} from './refund-store.ts';

/** What refundTransfer and reverseTransfer are asked for. */
export interface RefundInput {
  idempotencyKey: string;
  transferId: string;
  /** Null: all that remains. */
  amount?: TransferInput['amount'] | null | undefined;
  description?: string | null | undefined;
  shortfall: 'REFUSE' | 'RECEIVABLE';
}

export interface RefundAnswer {
  refund: TransferParent | null;
  replayed: boolean;
  userErrors: UserError[];
}

export type RefundDeps = Pick<CreateTransferDeps, 'pool' | 'store' | 'wakeUp' | 'clock' | 'payouts'>;

/**
 * Gives a transfer back, in part or whole, once per idempotency key. For `refundTransfer` the viewer must have received it, and another's is
 * not found; `reverseTransfer` is staff's, whose role the resolver has checked. How much remains is decided under the
 * original's lock, and final for the key. A deposit goes back to the card that was charged for it: a payout begins, and nobody lays out what is
 * missing.
 */
export function refundTransfer(
  deps: RefundDeps,
  viewer: Viewer,
  mutation: PlannedRefund['mutation'],
  input: RefundInput,
): Promise<RefundAnswer> {
  return answerRefusals(
    REFUND_REFUSALS,
    async () => {
      const planned = await plan(deps, viewer, mutation, input);
      return toAnswer(deps, await give(deps, planned));
    },
    (userErrors) => ({ refund: null, replayed: false, userErrors }),
  );
}

function refuse(code: RefundRefusal, field?: readonly string[]): Refusal<RefundRefusal> {
  return new Refusal(code, field);
}

async function plan(
  { store, clock, payouts }: RefundDeps,
  viewer: Viewer,
  mutation: PlannedRefund['mutation'],
  input: RefundInput,
): Promise<PlannedRefund | PlannedCardRefund> {
  const idempotencyKey = parseKey(input.idempotencyKey);
  const originalId = parseId<TransferId>(input.transferId);
  const amount = input.amount ? parseMoney(input.amount) : null;
  const description = parseDescription(input.description);
  const original = originalId && (await store.findTransfers([originalId]))[0];
  const mayAsk = mutation === 'reverseTransfer' || original?.destination.ownerId === viewer.userId;
  if (!original || !mayAsk) throw refuse('TRANSFER_NOT_FOUND', ['transferId']);
  // With a receivable the bank pays: whoever could decide that about their own money could make some.
  const ends = [original.source.ownerId, original.destination.ownerId];
  if (mutation === 'reverseTransfer' && ends.includes(viewer.userId)) throw refuse('OWN_TRANSFER', ['transferId']);
  if (amount && amount.currency !== original.amount.currency) throw refuse('CURRENCY_MISMATCH', ['amount', 'currency']);
  const amountMinor = amount?.amountMinor ?? null;
  const normalised = [original.id, amountMinor?.toString() ?? null, description, input.shortfall];
  const initiatedAt = clock.now();
  const planned = {
    mutation,
    refundId: newId<TransferId>(initiatedAt.getTime()),
    userId: viewer.userId,
    idempotencyKey,
    bodyHash: createHash('sha256').update(JSON.stringify(normalised)).digest(),
    originalId: original.id,
    amountMinor,
    description,
    note: mutation === 'reverseTransfer' ? description : null,
  };
  if (original.type !== 'DEPOSIT') return { ...planned, shortfall: input.shortfall };
  if (!payouts) throw refuse('FEATURE_UNAVAILABLE', ['transferId']);
  return { ...planned, initiatedAt };
}

async function give({ pool, wakeUp }: RefundDeps, planned: PlannedRefund | PlannedCardRefund): Promise<RefundOutcome> {
  try {
    const outcome = await withRetry(() =>
      'shortfall' in planned ? storeRefund(pool, planned) : storeCardRefund(pool, planned),
    );
    if (outcome.outcome === 'DONE') wakeUp.signal();
    return outcome;
  } catch (error) {
    if (isPostingStopped(error)) throw refuse('BANK_READ_ONLY');
    // A connection that broke may have committed first: only the key can tell.
    throw isDatabaseLost(error) ? new OutcomeUnknownError(error) : error;
  }
}

async function toAnswer({ store }: RefundDeps, outcome: RefundOutcome): Promise<RefundAnswer> {
  if (outcome.outcome === 'KEY_REUSED') throw refuse('IDEMPOTENCY_KEY_REUSED', ['idempotencyKey']);
  const replayed = outcome.outcome === 'REPLAYED';
  if ('verdict' in outcome && outcome.verdict) {
    const code = verdictRefusal(outcome.verdict);
    const { message, retryable } = REFUND_REFUSALS[code];
    return { refund: null, replayed, userErrors: [{ code, message, retryable, field: null }] };
  }
  const { transferId } = outcome;
  const [refund] = await store.findTransfers([transferId]);
  if (!refund) throw new Error(`the refund ${transferId} of an accepted key is missing`);
  return { refund, replayed, userErrors: [] };
}
