import { z } from 'zod';
import type { Money } from '../../platform/money.ts';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import { notHere } from '../in-flight.ts';
import { fromMajorNumber } from '../major-units.ts';
import type { Payout } from '../payout-provider.ts';
import type { ProviderConnection } from '../provider-connection.ts';
import { isRefused, payoutOf, readAnswer, Transfer } from './answers.ts';

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
  const { reference, amount } = transfer;
  if (
    reference !== key ||
    transfer.currency !== currency ||
    fromMajorNumber(amount, transfer.currency) !== amountMinor
  ) {
    throw new ProviderOutcomeUnknownError(`Flutterwave has another transfer under ${key}`);
  }
  return payoutOf(transfer);
}

/** The transfer with our reference; null when Flutterwave has none at the moment. An empty list alone says so. */
export async function findTransfer(
  connection: ProviderConnection,
  key: string,
  signal: AbortSignal,
): Promise<Transfer | null> {
  const answer = readAnswer(
    await connection.call('GET', `/v3/transfers?reference=${key}`, signal),
    z.array(Transfer).max(100),
  );
  if (isRefused(answer)) {
    throw new ProviderOutcomeUnknownError(`Flutterwave would not say what became of ${key}: ${answer.message}`);
  }
  const ours = answer.filter(({ reference }) => reference === key);
  // A list that was not filtered says nothing of what is not in it.
  if (ours.length === 0 && answer.length > 0) {
    throw new ProviderOutcomeUnknownError(`Flutterwave showed other transfers than ${key}`);
  }
  if (ours.length > 1) throw new ProviderOutcomeUnknownError(`Flutterwave has more than one transfer under ${key}`);
  return ours[0] ?? null;
}
