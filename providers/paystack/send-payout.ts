import { z } from 'zod';
import { scaleOf } from '../../platform/money.ts';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import { ProviderUnreachableError, type Payout, type PayoutRequest } from '../payout-provider.ts';
import type { ProviderConnection } from '../provider-connection.ts';
import { isDuplicate, isRefused, readAnswer, Transfer, type Refused } from './answers.ts';
import { findTransfer, payoutOfRequest } from './find-payout.ts';
import { toRecipient, type Recipient } from './recipient.ts';

/** Paystack counts in kobo, pesewas and cents: hundredths all of them. */
const SUBUNIT_SCALE = 2;
const MAX_REASON = 100;

/**
 * Sends a payout once: Paystack takes a reference for one transfer only. The recipient is made first, which moves no money and gives
 * the same one for the same account again. Every refusal is a reason to ask whether the reference was taken by an earlier request
 * whose answer was lost: a refusal of this request says nothing about that one.
 */
export async function sendPayout(
  connection: ProviderConnection,
  request: PayoutRequest,
  signal: AbortSignal,
): Promise<Payout> {
  const { key, amountMinor, currency, destination, description } = request;
  const recipient = toRecipient(destination, currency);
  if (isRefused(recipient)) return declined(recipient);
  if (scaleOf(currency) !== SUBUNIT_SCALE || amountMinor > BigInt(Number.MAX_SAFE_INTEGER)) {
    return declined({ refused: true, code: 'invalid_amount', message: 'Paystack cannot count this amount.' });
  }
  const code = await createRecipient(connection, recipient, signal);
  if (isRefused(code)) return declinedUnlessTaken(connection, request, code, signal);
  const asked = {
    source: 'balance',
    amount: Number(amountMinor),
    currency,
    recipient: code.recipient_code,
    reference: key,
    reason: (description ?? '').slice(0, MAX_REASON) || 'Transfer',
  };
  const answer = readAnswer(await connection.call('POST', '/transfer', signal, JSON.stringify(asked)), Transfer);
  if (isRefused(answer)) return declinedUnlessTaken(connection, request, answer, signal);
  return payoutOfRequest(answer, request);
}

const CreatedRecipient = z.object({ recipient_code: z.string().min(1) });

/** No money moves here: when it goes wrong, certainly nothing was sent. */
async function createRecipient(
  connection: ProviderConnection,
  recipient: Recipient,
  signal: AbortSignal,
): Promise<z.output<typeof CreatedRecipient> | Refused> {
  try {
    return readAnswer(
      await connection.call('POST', '/transferrecipient', signal, JSON.stringify(recipient)),
      CreatedRecipient,
    );
  } catch (error) {
    if (!(error instanceof ProviderOutcomeUnknownError)) throw error;
    throw new ProviderUnreachableError('Paystack could not be told of the recipient', { cause: error });
  }
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
  if (isDuplicate(refused)) throw new ProviderOutcomeUnknownError(`Paystack has ${request.key} and does not show it`);
  return declined(refused);
}

function declined({ code, message }: Refused): Payout {
  return { outcome: 'DECLINED', reference: null, code, message };
}
