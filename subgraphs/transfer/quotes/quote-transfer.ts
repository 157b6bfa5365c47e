import { answerRefusals, type UserError } from '../../../platform/refusal.ts';
import type { CreateTransferCall, CreateTransferDeps } from '../call.ts';
import { parseCommand, type TransferInput } from '../domain.ts';
import { TRANSFER_REFUSALS, transferError, type TransferRefusal } from '../refusals.ts';
import { planTerms } from './plan-terms.ts';
import type { StoredQuote } from './quote.ts';
import { storeQuote } from './quote-store.ts';

/** What is to be quoted, as it comes in. */
export type QuoteInput = Pick<TransferInput, 'source' | 'destination' | 'amount' | 'preference'>;

export interface QuoteTransferAnswer {
  quote: StoredQuote | null;
  userErrors: UserError[];
}

/** A key that passes: a quote has none of its own, since asking twice is two quotes and does no harm. */
const NO_KEY = 'quote';

/**
 * Promises what a transfer would cost and bring. It is planned like a transfer and refused like one, in the same words; money, risk and
 * limits are not asked, because they are decided when the transfer is made.
 */
export async function quoteTransfer(
  deps: CreateTransferDeps,
  call: CreateTransferCall,
  input: QuoteInput,
): Promise<QuoteTransferAnswer> {
  const command = parseCommand({ ...input, idempotencyKey: NO_KEY });
  if ('faults' in command) {
    return { quote: null, userErrors: command.faults.map(({ code, field }) => transferError(code, field)) };
  }
  await deps.limits.consume('quote', call.viewer.userId);
  return answerRefusals<QuoteTransferAnswer, TransferRefusal>(
    TRANSFER_REFUSALS,
    async () => {
      const terms = await deps.gate.run(() => planTerms(deps, call, command), call.signal);
      return { quote: await storeQuote(deps.pool, call.viewer.userId, command, terms), userErrors: [] };
    },
    (userErrors) => ({ quote: null, userErrors }),
  );
}
