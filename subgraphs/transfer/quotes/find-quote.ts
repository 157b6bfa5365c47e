import type { Queryable } from '../../../platform/db.ts';
import type { QuoteId } from '../../../platform/ids.ts';
import type { Money } from '../../../platform/money.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import type { ProviderName } from '../../../providers/payout-provider.ts';
import type { Preference } from '../../../providers/registry.ts';
import type { TransferCommand } from '../domain.ts';
import type { TransferType } from '../generated/resolvers.ts';
import { refuse } from '../refusals.ts';
import type { FeeLine } from './fees.ts';
import type { QuotedExchange } from './quote.ts';
import { hashEnd, readQuote } from './quote-store.ts';

/** The terms that a transfer is to be made at. */
export interface LockedQuote {
  id: QuoteId;
  type: TransferType;
  feeLines: FeeLine[];
  preference: Preference;
  provider: ProviderName | null;
  exchange: QuotedExchange | null;
  destinationAmount: Money;
}

/**
 * The quote that a command names, null where it names none. Refuses UNKNOWN_QUOTE (another's is unknown), and QUOTE_MISMATCH with the
 * part of the input that is not what was quoted. Whether it has expired or is used up is not asked here: that is decided under
 * its lock, by the database's clock, when the transfer is stored.
 */
export async function findQuote(
  { pool }: { pool: Queryable },
  viewer: Viewer,
  command: TransferCommand,
): Promise<LockedQuote | null> {
  if (command.quoteId === null) return null;
  const found = await readQuote(pool, command.quoteId);
  if (found?.quote.userId !== viewer.userId) throw refuse('UNKNOWN_QUOTE', ['quoteId']);
  const { quote, sourceHash, destinationHash } = found;
  const { source, destination, amount, preference } = command;
  const mismatch = (...field: string[]) => refuse('QUOTE_MISMATCH', field);
  if (!hashEnd(quote.id, source).equals(sourceHash)) throw mismatch('source');
  if (!hashEnd(quote.id, destination).equals(destinationHash)) throw mismatch('destination');
  if (quote.amount.currency !== amount.currency) throw mismatch('amount', 'currency');
  if (quote.amount.amountMinor !== amount.amountMinor) throw mismatch('amount', 'amount');
  if (quote.preference !== preference) throw mismatch('preference');
  const { id, type, feeLines, provider, exchange, destinationAmount } = quote;
  return { id, type, feeLines, preference, provider, exchange, destinationAmount };
}
