import type { PayeeId, PaymentMethodId, UserId } from '../../../platform/ids.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import type { PayoutDestination } from '../../../providers/payout-provider.ts';
import { formatPayoutReference, parsePayoutReference } from '../../../providers/payout-reference.ts';
import type { Candidate, WantedPayout } from '../../../providers/registry.ts';
import type { CreateTransferCall, CreateTransferDeps } from '../call.ts';
import { mustBeActive, ownSource, type IbanEnd, type PayoutCommand } from '../domain.ts';
import { readPauses, type Pauses } from '../operations/pauses.ts';
import { labelOf } from '../payees.ts';
import { findPayableMethod } from '../payment-methods.ts';
import { refuse } from '../refusals.ts';
import type { PlannedEnd } from '../transfer-batch.ts';
import { maskIban, payeeOf } from './iban.ts';

/** Where a payout goes. */
export interface PayoutEnd {
  /** Of a WITHDRAWAL. */
  paymentMethodId: PaymentMethodId | null;
  /** The customer themselves for a WITHDRAWAL; nobody of this bank for an EXTERNAL. */
  ownerId: UserId | null;
  label: string;
  /** As providers/payout-reference.ts writes it. */
  reference: string;
  holder: string;
}

/** A payout that may be made, as far as planning can say. */
export interface PayoutPlan {
  type: 'WITHDRAWAL' | 'EXTERNAL';
  source: PlannedEnd;
  destination: PayoutEnd;
  /** Whom risk compares it with: the payment method, or whoever is behind the IBAN. */
  recipientId: PaymentMethodId | PayeeId;
  wanted: WantedPayout;
  /** Who can carry it now, best first; at least one. */
  candidates: readonly [Candidate, ...Candidate[]];
}

/**
 * Judges both ends of a payout, and that somebody carries it. Refuses in the order of domain.ts: the source account, the destination,
 * currencies, status of the source; then that nobody carries it, and that nothing may leave for now.
 */
export async function planPayout(
  deps: CreateTransferDeps,
  { viewer, signal }: Pick<CreateTransferCall, 'viewer' | 'signal'>,
  command: PayoutCommand,
): Promise<PayoutPlan> {
  const { source: from, destination: to, amount, preference } = command;
  if (!deps.payouts)
    throw refuse('FEATURE_UNAVAILABLE', ['destination', to.kind === 'iban' ? 'iban' : 'paymentMethodId']);
  const own = ownSource(viewer.userId, from.id && (await deps.lookups.account(from.id)));
  const { account } = own;
  const holder = await labelOf(deps, own, signal);
  const { recipientId, ...end } =
    to.kind === 'iban' ? ibanEnd(deps, to) : await methodEnd(deps, viewer, { id: to.id, holder, signal });
  if (account.currency !== amount.currency) throw refuse('CURRENCY_MISMATCH', ['amount', 'currency']);
  mustBeActive(account, ['source', 'accountId']);
  const wanted = wantedPayout(parsePayoutReference(end.reference, end.holder), amount);
  return {
    type: to.kind === 'iban' ? 'EXTERNAL' : 'WITHDRAWAL',
    source: { accountId: account.id, ownerId: account.ownerId, label: holder },
    destination: end,
    recipientId,
    wanted,
    candidates: await usableCandidates(deps, wanted, preference),
  };
}

/** What providers are asked about. */
export function wantedPayout(
  destination: PayoutDestination,
  amount: { amountMinor: bigint; currency: string },
): WantedPayout {
  return {
    kind: destination.kind,
    ...(destination.kind === 'IBAN' && { iban: destination.iban }),
    amountMinor: amount.amountMinor,
    currency: amount.currency,
  };
}

/** Whether a provider may carry a payout while these pauses last. */
export function mayCarry(pauses: Pauses, currency: string, { provider }: Pick<Candidate, 'provider'>): boolean {
  return !pauses.all && !pauses.currencies.has(currency) && !pauses.providers.has(provider.name);
}

async function usableCandidates(
  { payouts, pool }: Pick<CreateTransferDeps, 'payouts' | 'pool'>,
  wanted: WantedPayout,
  preference: PayoutCommand['preference'],
): Promise<PayoutPlan['candidates']> {
  const candidates = payouts!.candidates(wanted, preference);
  if (candidates.length === 0) throw refuse('NO_PROVIDER_FOR_PAYOUT', ['destination']);
  const pauses = await readPauses(pool);
  const [best, ...others] = candidates.filter((candidate) => mayCarry(pauses, wanted.currency, candidate));
  if (!best) throw refuse('OUTGOING_PAUSED');
  return [best, ...others];
}

type FoundEnd = PayoutEnd & Pick<PayoutPlan, 'recipientId'>;

function ibanEnd({ secrets }: Pick<CreateTransferDeps, 'secrets'>, { iban, payeeName }: IbanEnd): FoundEnd {
  const label = payeeName ?? maskIban(iban);
  return {
    paymentMethodId: null,
    ownerId: null,
    label,
    reference: formatPayoutReference({ kind: 'IBAN', iban, holder: label }),
    holder: label,
    recipientId: payeeOf(secrets, iban),
  };
}

async function methodEnd(
  deps: CreateTransferDeps,
  viewer: Viewer,
  { id, holder, signal }: { id: PaymentMethodId | null; holder: string; signal: AbortSignal },
): Promise<FoundEnd> {
  const method = await findPayableMethod(deps, viewer, { id, signal });
  const { reference, label } = method;
  return {
    paymentMethodId: method.id,
    ownerId: viewer.userId,
    label,
    reference,
    holder,
    recipientId: method.id,
  };
}
