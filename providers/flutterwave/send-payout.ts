import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import { toMajorNumber } from '../major-units.ts';
import type { Payout, PayoutRequest } from '../payout-provider.ts';
import type { ProviderConnection } from '../provider-connection.ts';
import { isDuplicate, isRefused, readAnswer, Transfer, type Refused } from './answers.ts';
import { findTransfer, payoutOfRequest } from './find-payout.ts';
import { toBeneficiary, type Sender } from './transfer-fields.ts';

const MAX_NARRATION = 100;

/**
 * Sends a payout once: Flutterwave takes a reference for one transfer only. Every refusal is a reason to ask whether the reference
 * was taken by an earlier request whose answer was lost: a refusal of this request says nothing about that one.
 */
export async function sendPayout(
  { connection, sender }: { connection: ProviderConnection; sender: Sender },
  request: PayoutRequest,
  signal: AbortSignal,
): Promise<Payout> {
  const { key, amountMinor, currency, description } = request;
  const beneficiary = toBeneficiary(request, sender);
  if (isRefused(beneficiary)) return declined(beneficiary);
  const amount = toMajorNumber(amountMinor, currency);
  if (amount === null) {
    return declined({ refused: true, code: 'invalid_amount', message: 'Flutterwave cannot count this amount.' });
  }
  const fields = {
    ...beneficiary,
    currency,
    debit_currency: currency,
    reference: key,
    narration: (description ?? '').slice(0, MAX_NARRATION) || 'Transfer',
  };
  // The amount is put in as it is written: in a number of JavaScript's it would have been rounded to a double on the way.
  const asked = `{"amount":${amount},${JSON.stringify(fields).slice(1)}`;
  const answer = readAnswer(await connection.call('POST', '/v3/transfers', signal, asked), Transfer);
  if (isRefused(answer)) return declinedUnlessTaken(connection, request, answer, signal);
  return payoutOfRequest(answer, request);
}

async function declinedUnlessTaken(
  connection: ProviderConnection,
  request: PayoutRequest,
  refused: Refused,
  signal: AbortSignal,
): Promise<Payout> {
  const earlier = await findTransfer(connection, request.key, signal);
  if (earlier) return payoutOfRequest(earlier, request);
  // It says that it has it, and does not find it.
  if (isDuplicate(refused)) {
    throw new ProviderOutcomeUnknownError(`Flutterwave has ${request.key} and does not show it`);
  }
  return declined(refused);
}

function declined({ code, message }: Refused): Payout {
  return { outcome: 'DECLINED', reference: null, code, message };
}
