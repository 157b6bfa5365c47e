import { unauthenticated } from '../../../platform/graph-errors.ts';
import { parseId, type QuoteId } from '../../../platform/ids.ts';
import { toGraphMoney } from '../../../platform/money.ts';
import { ratio } from '../../../platform/ratio.ts';
import type { CreateTransferDeps } from '../call.ts';
import type { FeeLine as GraphFeeLine, QuoteOption, Resolvers } from '../generated/resolvers.ts';
import type { Room } from '../room.ts';
import { totalFees, type FeeLine } from './fees.ts';
import type { QuotedOption, StoredQuote } from './quote.ts';
import { forgetQuotes, readQuote } from './quote-store.ts';
import { quoteTransfer } from './quote-transfer.ts';

/** How often quotes that nobody used are looked for, and how many are forgotten in one statement. */
const FORGET_EVERY_MS = 3_600_000;
const FORGET_AT_ONCE = 1_000;

/** Quotes: what a transfer would cost and bring, promised for a minute. */
export function createQuotesRoom(deps: CreateTransferDeps): Room {
  return {
    resolvers: {
      Query: {
        quote: async (_root, { id }, { viewer }) => {
          const quoteId = parseId<QuoteId>(id);
          const found = quoteId && viewer && (await readQuote(deps.pool, quoteId));
          return found && found.quote.userId === viewer?.userId ? found.quote : null;
        },
      },
      Mutation: {
        quoteTransfer: (_root, { input }, { viewer, origin, signal }) => {
          if (!viewer) throw unauthenticated();
          return quoteTransfer(deps, { viewer, origin, signal }, input);
        },
      },
      Quote: quoteFields,
      Transfer: {
        feeBreakdown: ({ feeLines, amount }) => toGraphLines(feeLines, amount.currency),
      },
    },
    periodic: [
      {
        name: 'transfer.forget-quotes',
        everyMs: FORGET_EVERY_MS,
        run: async () => (await forgetQuotes(deps.pool, FORGET_AT_ONCE)) === FORGET_AT_ONCE,
      },
    ],
  };
}

const BASIS_POINTS = 10_000n;

const quoteFields: Resolvers['Quote'] = {
  amount: ({ amount }) => toGraphMoney(amount),
  fees: ({ feeLines, amount: { currency } }) => toGraphMoney({ amountMinor: totalFees(feeLines), currency }),
  feeBreakdown: ({ feeLines, amount }) => toGraphLines(feeLines, amount.currency),
  totalDebit: ({ feeLines, amount: { amountMinor, currency } }) =>
    toGraphMoney({ amountMinor: amountMinor + totalFees(feeLines), currency }),
  destinationAmount: ({ destinationAmount }) => toGraphMoney(destinationAmount),
  exchangeRate: ({ exchange }) => exchange?.rate ?? null,
  midRate: ({ exchange }) => exchange?.midRate ?? null,
  spread: ({ exchange }) => exchange && ratio(exchange.spreadBasisPoints, BASIS_POINTS),
  rateDate: ({ exchange }) => exchange?.rateDate ?? null,
  usualSeconds,
  options: (quote) => quote.options.map((option) => toGraphOption(option, quote)),
  cheaper: (quote) => quote.cheaper && toGraphOption(quote.cheaper, quote),
  usedBy: ({ usedBy }, _args, { loaders }) => usedBy && loaders.transfer.load(usedBy),
};

/** Inside the bank it is done at once; how long a deposit takes is not known before. */
function usualSeconds({ type, provider, options }: StoredQuote): number | null {
  if (type === 'INTERNAL' || type === 'EXCHANGE') return 0;
  return options.find((option) => option.provider === provider)?.usualSeconds ?? null;
}

function toGraphLines(lines: readonly FeeLine[], currency: string): GraphFeeLine[] {
  return lines.map(({ amountMinor, ...line }) => ({ ...line, amount: toGraphMoney({ amountMinor, currency }) }));
}

function toGraphOption(
  { feesMinor, ...option }: QuotedOption,
  { amount, provider, preference }: StoredQuote,
): QuoteOption {
  return {
    ...option,
    fees: toGraphMoney({ amountMinor: feesMinor, currency: amount.currency }),
    recommended: option.provider === provider && option.preference === preference,
  };
}
