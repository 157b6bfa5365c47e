import { unauthenticated } from '../../platform/graph-errors.ts';
import { parseId, type TransferId, type UserId } from '../../platform/ids.ts';
import { toGraphMoney } from '../../platform/money.ts';
import { POLICY } from '../../platform/policy.ts';
import { answerRefusals, type UserError } from '../../platform/refusal.ts';
import { isStaff, type Viewer } from '../../platform/viewer.ts';
import { acknowledgeRiskAlert } from './acknowledge-risk-alert.ts';
import { levelOf } from './domain.ts';
import type { Resolvers, SpendingLimit } from './generated/resolvers.ts';
import type { RiskAlertParent, RiskProfileParent } from './graph-types.ts';
import { leftThisMonth, leftToday, type AppliedLimit } from './limits.ts';
import { listRiskAlerts } from './list-risk-alerts.ts';
import type { RiskLoaders } from './loaders.ts';
import { RISK_REFUSALS, type RiskRefusal } from './refusals.ts';
import { riskAlertRaised, type RiskAlertRaisedDeps } from './risk-alert-raised.ts';
import { setSpendingLimit, type SetSpendingLimitDeps } from './set-spending-limit.ts';

export type RiskResolverDeps = SetSpendingLimitDeps & RiskAlertRaisedDeps;

type Answer<Fields> = Fields & { userErrors: UserError[] };

/** GraphQL in and out: translates, never decides. */
export function createResolvers(deps: RiskResolverDeps): Resolvers {
  return {
    Query: {
      me: (_root, _args, { viewer }) => ({ id: required(viewer).userId }),
    },
    Mutation: {
      setSpendingLimit: async (_root, { input }, { viewer, loaders }) => {
        const me = required(viewer);
        return answerRefusals<Answer<{ riskProfile: RiskProfileParent | null }>, RiskRefusal>(
          RISK_REFUSALS,
          async () => {
            await setSpendingLimit(deps, me, input);
            // Read before, in the same request, they would be the old ones.
            loaders.limits.clear(me.userId);
            return { riskProfile: await readProfile(loaders, me.userId), userErrors: [] };
          },
          (userErrors) => ({ riskProfile: null, userErrors }),
        );
      },
      acknowledgeRiskAlert: async (_root, { id }, { viewer }) => {
        const me = required(viewer);
        return answerRefusals<Answer<{ alert: RiskAlertParent | null }>, RiskRefusal>(
          RISK_REFUSALS,
          async () => ({ alert: await acknowledgeRiskAlert(deps, me, id), userErrors: [] }),
          (userErrors) => ({ alert: null, userErrors }),
        );
      },
    },
    Subscription: {
      riskAlertRaised: {
        subscribe: (_root, { afterId }, { viewer, signal }) =>
          riskAlertRaised(deps, required(viewer), { afterId: afterId ?? null, signal }),
        resolve: (alert: RiskAlertParent) => alert,
      },
    },
    User: {
      __resolveReference: ({ id }) => ({ id }),
      riskProfile: ({ id }, _args, { viewer, loaders }) => (maySee(viewer, id) ? readProfile(loaders, id) : null),
      riskAlerts: ({ id }, args, { viewer, loaders }) =>
        maySee(viewer, id) ? listRiskAlerts(loaders, id, args) : null,
    },
    RiskProfile: {
      level: ({ score }) => levelOf(score),
      limits: async ({ userId }, _args, { loaders }) => (await loaders.limits.load(userId)).map(toGraphLimit),
      stepUpAbove: () => toGraphMoney({ amountMinor: POLICY.stepUpAboveUsdMinor, currency: 'USD' }),
    },
    RiskAlert: {
      acknowledged: ({ acknowledgedAt }) => acknowledgedAt !== null,
      transfer: ({ transferId }) => ({ id: transferId, transferId }),
    },
    Transfer: {
      __resolveReference: ({ id }) => ({ id, transferId: parseId<TransferId>(id) }),
      riskAssessment: ({ transferId }, _args, { loaders }) => transferId && loaders.assessment.load(transferId),
    },
    Transaction: {
      __resolveReference: ({ id, transfer }) => ({
        id,
        transferId: transfer ? parseId<TransferId>(transfer.id) : null,
      }),
      riskScore: async ({ transferId }, _args, { loaders }) =>
        (transferId && (await loaders.assessment.load(transferId)))?.score ?? null,
      // A line stands on a statement because its transfer was found to be well, by risk or by a person.
      complianceStatus: async ({ transferId }, _args, { loaders }) =>
        transferId && (await loaders.isAssessed.load(transferId)) ? 'CLEARED' : null,
    },
  };
}

/** Null for what has not the form of a person's id. */
async function readProfile(loaders: RiskLoaders, idText: string): Promise<RiskProfileParent | null> {
  const userId = parseId<UserId>(idText);
  return userId && { userId, score: await loaders.highestScore.load(userId) };
}

function toGraphLimit(limit: AppliedLimit): SpendingLimit {
  const money = (amountMinor: bigint) => toGraphMoney({ amountMinor, currency: limit.currency });
  return {
    currency: limit.currency,
    daily: money(limit.dailyMinor),
    monthly: money(limit.monthlyMinor),
    dailyRemaining: money(leftToday(limit)),
    monthlyRemaining: money(leftThisMonth(limit)),
  };
}

function required(viewer: Viewer | null): Viewer {
  if (!viewer) throw unauthenticated();
  return viewer;
}

/** Own fields, and staff's view of them; another's are missing. */
function maySee(viewer: Viewer | null, userId: string): boolean {
  return viewer !== null && (viewer.userId === userId || isStaff(viewer));
}
