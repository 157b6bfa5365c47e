import type { Money } from '../../platform/money.ts';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import { notHere } from '../in-flight.ts';
import type { Payout } from '../payout-provider.ts';
import type { ProviderConnection } from '../provider-connection.ts';
import { isNotFound, isRefused, payoutOf, readAnswer, Transfer } from './answers.ts';

/** What became of the payout with a key; see PayoutProvider.find. */
export async function findPayout(
  connection: ProviderConnection,
  { key, sentAt, inFlightMs, amount }: { key: string; sentAt: Date; inFlightMs: number; amount?: Money },
  signal: AbortSignal,
): Promise<Payout | null> {
  const transfer = await findTransfer(connection, key, signal);
  if (!transfer) return notHere({ sentAt, inFlightMs, title: connection.title });
  return amount ? payoutOfRequest(transfer, { key, ...amount }) : payoutOf(transfer);
}

/** Believes only what is about this payout: another amount under our reference is nobody's answer. */
export function payoutOfRequest(transfer: Transfer, { key, amountMinor, currency }: { key: string } & Money): Payout {
  if (transfer.reference !== key || BigInt(transfer.amount) !== amountMinor || transfer.currency !== currency) {
    throw new ProviderOutcomeUnknownError(`Paystack has another transfer under ${key}`);
  }
  return payoutOf(transfer);
}

/** The transfer with our reference; null when Paystack has none at the moment. */
export async function findTransfer(
  connection: ProviderConnection,
  key: string,
  signal: AbortSignal,
): Promise<Transfer | null> {
  const answer = readAnswer(await connection.call('GET', `/transfer/verify/${key}`, signal), Transfer);
  if (!isRefused(answer)) {
    if (answer.reference === key) return answer;
    throw new ProviderOutcomeUnknownError(`Paystack showed another transfer than ${key}`);
  }
  if (isNotFound(answer)) return null;
  throw new ProviderOutcomeUnknownError(`Paystack would not say what became of ${key} (${answer.code})`);
}
