import { dayOf, endOf } from '../../platform/days.ts';
import { unauthenticated } from '../../platform/graph-errors.ts';
import { parseId, type UserId } from '../../platform/ids.ts';
import { formatAmount, toGraphMoney } from '../../platform/money.ts';
import { ratio } from '../../platform/ratio.ts';
import { isStaff } from '../../platform/viewer.ts';
import { historyDays, startOfPeriod, valuationCurrency } from './domain.ts';
import type { Resolvers } from './generated/resolvers.ts';
import type { PortfolioParent } from './graph-types.ts';
import { isStale } from './newest-rates.ts';
import { portfolioUpdated, type PortfolioUpdatedDeps } from './portfolio-updated.ts';
import { totalOf, valueHoldings, valueOutside } from './value-holdings.ts';
import { valuePast } from './value-past.ts';

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
        const [accounts, rates] = await Promise.all([loaders.accounts.load(userId), deps.rates.newest()]);
        const outside = () => loaders.outside.load(userId);
        return { userId, currency: valuationCurrency(currency, accounts), accounts, rates, asOf, outside };
      },
    },
    Portfolio: portfolioFields(deps),
  };
}

function portfolioFields({ store }: Pick<PortfolioUpdatedDeps, 'store'>): Resolvers['Portfolio'] {
  return {
    id: ({ userId, currency }) => `${userId}:${currency}`,
    total: (portfolio) => moneyOf(portfolio, totalNow(portfolio)),
    stale: ({ accounts, currency, rates, asOf }) => {
      const held = new Set(accounts.map((account) => account.currency).filter((code) => code !== currency));
      // Whatever is converted goes by way of the valuation currency's own rate.
      return isStale(rates, held.size > 0 ? [...held, currency] : [], dayOf(asOf));
    },
    ratesDate: ({ rates }) => rates.date,
    holdings: (portfolio) =>
      holdingsNow(portfolio).map((holding) => ({
        currency: holding.currency,
        quantity: formatAmount(holding.quantityMinor, holding.currency),
        price: holding.priceMinor === null ? null : moneyOf(portfolio, holding.priceMinor),
        rate: holding.rate,
        value: holding.valueMinor === null ? null : moneyOf(portfolio, holding.valueMinor),
        share: holding.share,
        accounts: holding.accountIds.map((id) => ({ id })),
      })),
    outside: async (portfolio) =>
      (await outsideNow(portfolio)).map(({ paymentMethodId, balanceMinor, currency, valueMinor, seenAt }) => ({
        paymentMethod: { id: paymentMethodId },
        balance: toGraphMoney({ amountMinor: balanceMinor, currency }),
        value: valueMinor === null ? null : moneyOf(portfolio, valueMinor),
        seenAt,
      })),
    outsideTotal: async (portfolio) => moneyOf(portfolio, totalOf(await outsideNow(portfolio))),
    change: async (portfolio, { period }) => {
      const start = startOfPeriod(period ?? 'DAY', portfolio.asOf);
      const moments = start ? [{ before: start, day: dayOf(start) }] : [];
      const [then = 0n] = await valuePast(store, portfolio, moments);
      const difference = totalNow(portfolio) - then;
      return {
        absolute: moneyOf(portfolio, difference),
        ratio: then === 0n ? null : ratio(difference, then),
      };
    },
    history: async (portfolio, args) => {
      const days = historyDays(args, portfolio.asOf);
      const moments = days.map((day) => ({ before: endOf(day), day }));
      const totals = await valuePast(store, portfolio, moments);
      return days.map((date, index) => ({ date, total: moneyOf(portfolio, totals[index]!) }));
    },
  };
}

function moneyOf({ currency }: PortfolioParent, amountMinor: bigint): { amount: string; currency: string } {
  return toGraphMoney({ amountMinor, currency });
}

function holdingsNow({ accounts, currency, rates }: PortfolioParent): ReturnType<typeof valueHoldings> {
  return valueHoldings(accounts, currency, rates);
}

function totalNow(portfolio: PortfolioParent): bigint {
  return totalOf(holdingsNow(portfolio));
}

async function outsideNow({ outside, currency, rates }: PortfolioParent): Promise<ReturnType<typeof valueOutside>> {
  return valueOutside(await outside(), currency, rates);
}
