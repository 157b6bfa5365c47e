import { z } from 'zod';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import type { Payout } from '../payout-provider.ts';
import type { ProviderAnswer } from '../provider-connection.ts';

/** A transfer as Paystack shows it: as much of it as this adapter goes by. */
export const Transfer = z.object({
  id: z.number().int().optional(),
  reference: z.string(),
  transfer_code: z.string().optional(),
  status: z.string(),
  /** In subunits. */
  amount: z.number().int(),
  currency: z.string(),
  fee_charged: z.number().int().nullish(),
  gateway_response: z.string().nullish(),
});
export type Transfer = z.output<typeof Transfer>;

/** No, by Paystack's word or by this adapter's before anything was sent. */
export interface Refused {
  refused: true;
  code: string;
  message: string;
}

const Envelope = z.object({ status: z.literal(true), data: z.unknown() });
const Fault = z.object({ status: z.literal(false), message: z.string(), code: z.string().optional() });
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
    throw new ProviderOutcomeUnknownError(`Paystack answered what makes no sense (status ${status})`);
  }
  const { code = 'refused', message } = fault.data;
  return { refused: true, code, message: message.slice(0, MAX_MESSAGE) };
}

export function isRefused(answer: object): answer is Refused {
  return 'refused' in answer;
}

/** Paystack has a transfer with this reference already. */
export function isDuplicate({ code, message }: Refused): boolean {
  return code === 'duplicate_transfer_reference' || /reference.*(already|exist|unique)|duplicate/i.test(message);
}

/** Paystack looked and has no such transfer, which is another thing than a path that does not exist. */
export function isNotFound({ code, message }: Refused): boolean {
  return code === 'transfer_not_found' || /^transfer not found/i.test(message);
}

/**
 * What became of a transfer by its status (https://paystack.com/docs/transfers/how-transfers-work). "reversed" is Paystack's word
 * both for money that came back after a success and for money that never arrived: either way it was sent and is here again.
 */
export function payoutOf(transfer: Transfer): Payout {
  const { reference, status } = transfer;
  switch (status) {
    case 'success':
      return { outcome: 'SUCCEEDED', reference: nameOf(transfer), feeMinor: feeOf(transfer) };
    case 'pending':
    case 'processing':
    case 'queued':
      return { outcome: 'PENDING', reference: nameOf(transfer), step: 'CLEARING' };
    // These wait for somebody's approval at Paystack, and may still be paid.
    case 'otp':
    case 'received':
      return { outcome: 'PENDING', reference: nameOf(transfer), step: 'BANK_PROCESSING' };
    case 'failed':
    case 'abandoned':
    case 'blocked':
    case 'rejected':
      return { outcome: 'DECLINED', reference: nameOf(transfer), code: status, message: messageOf(transfer) };
    case 'reversed':
      return { outcome: 'RETURNED', reference: nameOf(transfer), code: status, message: messageOf(transfer) };
    default:
      throw new ProviderOutcomeUnknownError(
        `Paystack says "${status}" of ${reference}, a word newer than this adapter`,
      );
  }
}

/** Paystack's own name for it, by which its people find it. */
function nameOf({ transfer_code: code, reference }: Transfer): string {
  return code ?? reference;
}

function feeOf({ fee_charged: fee }: Transfer): bigint | null {
  return typeof fee === 'number' ? BigInt(fee) : null;
}

function messageOf({ gateway_response: response, status }: Transfer): string {
  return (response || `The transfer is ${status}.`).slice(0, MAX_MESSAGE);
}
