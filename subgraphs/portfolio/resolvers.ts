import { endOf } from '../../platform/days.ts';
import { unauthenticated } from '../../platform/graph-errors.ts';
import { parseId, type UserId } from '../../platform/ids.ts';
import { formatAmount, toGraphMoney } from '../../platform/money.ts';
import { ratio } from '../../platform/ratio.ts';
import { isStaff } from '../../platform/viewer.ts';
import { historyDays, holdingsOf, priceOf, startOfPeriod, totalOf, valuationCurrency } from './domain.ts';
import type { Resolvers } from './generated/resolvers.ts';
import type { PortfolioParent } from './graph-types.ts';
import { portfolioUpdated, type PortfolioUpdatedDeps } from './portfolio-updated.ts';

/** GraphQL in and out: translates, never decides. */
export function createResolvers(deps: PortfolioUpdatedDeps): Resolvers {
  return {
    Query: {
      me: (_root, _args, { viewer }) => {
        if (!viewer) throw unauthenticated();
        return { id: viewer.userId };
      },
    },
    Subscription: {
      portfolioUpdated: {
        subscribe: (_root, { currency }, { viewer, signal }) =>
          portfolioUpdated(deps, viewer, { currency: currency ?? null, signal }),
        resolve: (portfolio: PortfolioParent) => portfolio,
      },
    },
    User: {
      __resolveReference: ({ id }) => ({ id }),
      portfolio: async ({ id }, { currency }, { viewer, loaders }) => {
        const userId = parseId<UserId>(id);
        if (!userId || !viewer || (viewer.userId !== userId && !isStaff(viewer))) return null;
        const asOf = deps.clock.now();
        const accounts = await loaders.accounts.load(userId);
        return { userId, currency: valuationCurrency(currency, accounts), accounts, asOf };
      },
    },
    Portfolio: {
      id: ({ userId, currency }) => `${userId}:${currency}`,
      total: (portfolio) => toGraphMoney({ amountMinor: total(portfolio), currency: portfolio.currency }),
      // There are no rates that could age.
      stale: () => false,
      holdings: ({ accounts, currency: valuation }) =>
        holdingsOf(accounts, valuation).map(({ currency, quantityMinor, valueMinor, share, accountIds }) => {
          const price = priceOf(currency, valuation);
          return {
            currency,
            quantity: formatAmount(quantityMinor, currency),
            price: price && toGraphMoney(price),
            value: valueMinor === null ? null : toGraphMoney({ amountMinor: valueMinor, currency: valuation }),
            share,
            accounts: accountIds.map((id) => ({ id })),
          };
        }),
      change: async (portfolio, { period }) => {
        const { userId, currency, asOf } = portfolio;
        const start = startOfPeriod(period ?? 'DAY', asOf);
        const [then = 0n] = start ? await deps.store.balancesBefore(userId, currency, [start]) : [];
        const difference = total(portfolio) - then;
        return {
          absolute: toGraphMoney({ amountMinor: difference, currency }),
          ratio: then === 0n ? null : ratio(difference, then),
        };
      },
      history: async ({ userId, currency, asOf }, args) => {
        const days = historyDays(args, asOf);
        const totals = await deps.store.balancesBefore(userId, currency, days.map(endOf));
        return days.map((date, index) => ({
          date,
          total: toGraphMoney({ amountMinor: totals[index]!, currency }),
        }));
      },
    },
  };
}

function total({ accounts, currency }: PortfolioParent): bigint {
  return totalOf(holdingsOf(accounts, currency));
}
