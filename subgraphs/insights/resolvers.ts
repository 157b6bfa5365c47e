import { unauthenticated } from '../../platform/graph-errors.ts';
import { parseId, type ExternalTransactionId, type PostingId, type UserId } from '../../platform/ids.ts';
import { toGraphMoney } from '../../platform/money.ts';
import { ratio } from '../../platform/ratio.ts';
import { isStaff } from '../../platform/viewer.ts';
import { analyseSpending, type AnalyseSpendingDeps } from './analyse-spending.ts';
import type { HistoryLine } from './advice/history.ts';
import type { Resolvers } from './generated/resolvers.ts';
import { listInsights, listRecommendations } from './list-insights.ts';
import type { InsightsLoaders } from './loaders.ts';
import type { CategoryTotal, Spending } from './spending.ts';
import type { StoredCategorisation } from './store.ts';

/** Who has no account yet is shown this. */
const FALLBACK_CURRENCY = 'USD';

/** GraphQL in and out: translates, never decides. */
export function createResolvers(deps: AnalyseSpendingDeps): Resolvers {
  return {
    Query: {
      me: (_root, _args, { viewer }) => {
        if (!viewer) throw unauthenticated();
        return { id: viewer.userId };
      },
    },
    User: {
      __resolveReference: ({ id }) => ({ id }),
      insights: ({ id }, _args, { viewer }) => {
        const userId = parseId<UserId>(id);
        return userId && viewer && (viewer.userId === userId || isStaff(viewer)) ? { userId } : null;
      },
    },
    Insights: {
      spending: async ({ userId }, args, { loaders }) => {
        const analysis = await analyseSpending(deps, userId, args, () => ownCurrency(loaders, userId));
        const { from, to, currency, leftOut, months } = analysis;
        return {
          ...{ from, to, leftOut },
          ...toGraphSpending(analysis, currency),
          months: months.map(({ month, ...spending }) => ({ month, ...toGraphSpending(spending, currency) })),
        };
      },
      items: ({ userId }, args, { loaders }) => listInsights(userId, args, () => loaders.advice.load(userId)),
      recommendations: ({ userId }, args, { loaders }) =>
        listRecommendations(userId, args, () => loaders.advice.load(userId)),
    },
    Insight: {
      amount: ({ amount }) => amount && toGraphMoney(amount),
      confidence: ({ confidencePercent }) => percentToRatio(confidencePercent),
      transactions: ({ lines }) =>
        // The cast: a posting's id as the database gave it.
        ofKind(lines, 'posting').map(({ id }) => ({ id, postingId: id as PostingId })),
      externalTransactions: ({ lines }) =>
        ofKind(lines, 'external').map(({ id }) => ({ id, externalTransactionId: id as ExternalTransactionId })),
    },
    Transaction: {
      __resolveReference: ({ id }) => ({ id, postingId: parseId<PostingId>(id) }),
      category: async ({ postingId }, _args, { loaders }) =>
        postingId && ((await loaders.category.load(postingId))?.category ?? null),
      categorisation: async ({ postingId }, _args, { loaders }) =>
        postingId && toGraphCategorisation(await loaders.category.load(postingId)),
    },
    ExternalTransaction: {
      __resolveReference: ({ id }) => ({ id, externalTransactionId: parseId<ExternalTransactionId>(id) }),
      category: async ({ externalTransactionId: id }, _args, { loaders }) =>
        id && ((await loaders.externalCategory.load(id))?.category ?? null),
      categorisation: async ({ externalTransactionId: id }, _args, { loaders }) =>
        id && toGraphCategorisation(await loaders.externalCategory.load(id)),
    },
  };
}

async function ownCurrency(loaders: InsightsLoaders, userId: UserId): Promise<string> {
  const sources = await loaders.sources.load(userId);
  return sources.find(({ kind }) => kind === 'account')?.currency ?? FALLBACK_CURRENCY;
}

function toGraphSpending({ totalMinor, incomeMinor, categories, incomeCategories }: Spending, currency: string) {
  const money = (amountMinor: bigint) => toGraphMoney({ amountMinor, currency });
  const category = ({ totalMinor: ofCategory, ...rest }: CategoryTotal) => ({ ...rest, total: money(ofCategory) });
  return {
    total: money(totalMinor),
    income: money(incomeMinor),
    categories: categories.map(category),
    incomeCategories: incomeCategories.map(category),
  };
}

function toGraphCategorisation(found: StoredCategorisation | null) {
  return found && { category: found.category, rule: found.rule, confidence: percentToRatio(found.confidence) };
}

function percentToRatio(percent: number): string {
  return ratio(BigInt(percent), 100n);
}

function ofKind(lines: readonly HistoryLine[], kind: HistoryLine['kind']): HistoryLine[] {
  return lines.filter((line) => line.kind === kind);
}
