import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import { notHere } from '../in-flight.ts';
import type { Payout } from '../payout-provider.ts';
import type { ProviderConnection } from '../provider-connection.ts';
import { isNotFound, isRefused, payoutOf, readAnswer, Transfer } from './answers.ts';

/** What became of the payout with a key; see PayoutProvider.find. */
export async function findPayout(
  connection: ProviderConnection,
  { key, sentAt, inFlightMs }: { key: string; sentAt: Date; inFlightMs: number },
  signal: AbortSignal,
): Promise<Payout | null> {
  const transfer = await findTransfer(connection, key, signal);
  return transfer ? payoutOf(transfer) : notHere({ sentAt, inFlightMs, title: connection.title });
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
