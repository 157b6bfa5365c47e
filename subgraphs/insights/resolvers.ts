import { unauthenticated } from '../../platform/graph-errors.ts';
import { parseId, type PostingId, type UserId } from '../../platform/ids.ts';
import { toGraphMoney } from '../../platform/money.ts';
import { parsePage, toConnection } from '../../platform/pagination.ts';
import { isStaff } from '../../platform/viewer.ts';
import { analyseSpending } from './analyse-spending.ts';
import type { Resolvers } from './generated/resolvers.ts';
import type { InsightParent } from './graph-types.ts';
import type { InsightsStore } from './store.ts';

/** GraphQL in and out: translates, never decides. */
export function createResolvers(deps: { store: InsightsStore }): Resolvers {
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
      spending: async ({ userId }, args) => {
        const { from, to, currency, totalMinor, incomeMinor, categories } = await analyseSpending(deps, userId, args);
        const money = (amountMinor: bigint) => toGraphMoney({ amountMinor, currency });
        return {
          from,
          to,
          total: money(totalMinor),
          income: money(incomeMinor),
          categories: categories.map(({ totalMinor: spentMinor, ...category }) => ({
            ...category,
            total: money(spentMinor),
          })),
        };
      },
      items: ({ userId }, { first, after }) => {
        // Nothing gives advice yet. No item has ever been on a page, so no cursor leads on from one.
        const page = parsePage({ first, after }, `user.insights:${userId}`, {}, () => false);
        return toConnection<InsightParent, InsightParent>(
          [],
          page,
          (item) => [item.id],
          (item) => item,
        );
      },
      recommendations: ({ userId }, { first }) => {
        parsePage({ first }, `user.recommendations:${userId}`, {}, () => false);
        return [];
      },
    },
    Transaction: {
      __resolveReference: ({ id }) => ({ id, postingId: parseId<PostingId>(id) }),
      category: ({ postingId }, _args, { loaders }) => postingId && loaders.category.load(postingId),
    },
    ExternalTransaction: {
      __resolveReference: ({ id }) => ({ id }),
      // Imported lines are not known here yet.
      category: () => null,
    },
  };
}
