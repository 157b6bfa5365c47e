import { z } from 'zod';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import { fromMajorNumber } from '../major-units.ts';
import type { Payout } from '../payout-provider.ts';
import type { ProviderAnswer } from '../provider-connection.ts';

/** A transfer as Flutterwave shows it: as much of it as this adapter goes by. */
export const Transfer = z.object({
  id: z.number().int(),
  reference: z.string(),
  status: z.string(),
  /** In major units. */
  amount: z.number(),
  currency: z.string(),
  fee: z.number().nullish(),
  complete_message: z.string().nullish(),
});
export type Transfer = z.output<typeof Transfer>;

/** No, by Flutterwave's word or by this adapter's before anything was sent. */
export interface Refused {
  refused: true;
  code: string;
  message: string;
}

const Envelope = z.object({ status: z.literal('success'), data: z.unknown() });
const Fault = z.object({ status: z.literal('error'), message: z.string() });
const MAX_MESSAGE = 200;

/** The `data` of a good answer, or the fault of another. What is neither leaves everything unknown. */
export function readAnswer<Data extends z.ZodType>(
  { status, body }: ProviderAnswer,
  data: Data,
): z.output<Data> | Refused {
  const good = Envelope.safeParse(body);
  const found = good.success && status < 300 ? data.safeParse(good.data.data) : null;
  if (found?.success) return found.data;
  const fault = Fault.safeParse(body);
  if (status < 300 || !fault.success) {
    throw new ProviderOutcomeUnknownError(`Flutterwave answered what makes no sense (status ${status})`);
  }
  const message = fault.data.message.slice(0, MAX_MESSAGE);
  return { refused: true, code: codeOf(message), message };
}

export function isRefused(answer: object): answer is Refused {
  return 'refused' in answer;
}

/** v3 has no codes for its faults, only words. These are the ones that somebody has to act on. */
function codeOf(message: string): string {
  if (/insufficient/i.test(message)) return 'insufficient_balance';
  if (/account.*(resolve|invalid|not found)|invalid.*account/i.test(message)) return 'invalid_account';
  return 'refused';
}

/** Flutterwave has a transfer with this reference already. */
export function isDuplicate({ message }: Refused): boolean {
  return /duplicate|reference.*(already|exist|used|unique)|already exist/i.test(message);
}

/** What became of a transfer by its status (https://developer.flutterwave.com/docs/making-payments/transfers/overview). */
export function payoutOf(transfer: Transfer): Payout {
  const reference = String(transfer.id);
  const message = (transfer.complete_message || `The transfer is ${transfer.status}.`).slice(0, MAX_MESSAGE);
  switch (transfer.status.toUpperCase()) {
    case 'SUCCESSFUL':
      return { outcome: 'SUCCEEDED', reference, feeMinor: feeOf(transfer) };
    case 'NEW':
      return { outcome: 'PENDING', reference, step: 'BANK_PROCESSING' };
    case 'PENDING':
      return { outcome: 'PENDING', reference, step: 'CLEARING' };
    case 'FAILED':
      return { outcome: 'DECLINED', reference, code: 'failed', message };
    // Not in the documents of v3, but in its people's mouths.
    case 'REVERSED':
      return { outcome: 'RETURNED', reference, code: 'reversed', message };
    default:
      throw new ProviderOutcomeUnknownError(
        `Flutterwave says "${transfer.status}" of ${transfer.reference}, a word newer than this adapter`,
      );
  }
}

function feeOf({ fee, currency }: Transfer): bigint | null {
  const feeMinor = fromMajorNumber(fee, currency);
  return feeMinor !== null && feeMinor >= 0n ? feeMinor : null;
}
