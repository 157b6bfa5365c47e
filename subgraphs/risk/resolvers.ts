import { unauthenticated } from '../../platform/graph-errors.ts';
import { parseId, type PostingId, type TransferId } from '../../platform/ids.ts';
import { parsePage, toConnection } from '../../platform/pagination.ts';
import { isStaff, type Viewer } from '../../platform/viewer.ts';
import { levelOf } from './domain.ts';
import type { Resolvers } from './generated/resolvers.ts';
import type { RiskAlertParent } from './graph-types.ts';
import { riskError } from './refusals.ts';
import { riskAlertRaised } from './risk-alert-raised.ts';

/** GraphQL in and out: translates, never decides. */
export function createResolvers(deps: { openStreams: Set<() => void> }): Resolvers {
  return {
    Query: {
      me: (_root, _args, { viewer }) => ({ id: required(viewer).userId }),
    },
    Mutation: {
      setSpendingLimit: (_root, _args, { viewer }) => {
        required(viewer);
        return { riskProfile: null, userErrors: [riskError('FEATURE_UNAVAILABLE')] };
      },
      acknowledgeRiskAlert: (_root, _args, { viewer }) => {
        required(viewer);
        // Nothing raises alerts yet, so no id is one of an alert.
        return { alert: null, userErrors: [riskError('ALERT_NOT_FOUND', ['id'])] };
      },
    },
    Subscription: {
      riskAlertRaised: {
        subscribe: (_root, { afterId }, { viewer, signal }) =>
          riskAlertRaised(deps, viewer, { afterId: afterId ?? null, signal }),
        resolve: (alert: RiskAlertParent) => alert,
      },
    },
    User: {
      __resolveReference: ({ id }) => ({ id }),
      riskProfile: async ({ id }, _args, { viewer, loaders }) => {
        if (!maySee(viewer, id)) return null;
        const score = await loaders.highestScore.load(id);
        // Limits and step-up do not exist yet: there is none to tell of.
        return { level: levelOf(score), score, limits: [], stepUpAbove: null };
      },
      riskAlerts: ({ id }, { first, after }, { viewer }) => {
        if (!maySee(viewer, id)) return null;
        // No alert has ever been on a page, so no cursor leads on from one.
        const page = parsePage({ first, after }, `user.riskAlerts:${id}`, {}, () => false);
        return toConnection<RiskAlertParent, RiskAlertParent>(
          [],
          page,
          (alert) => [alert.id],
          (alert) => alert,
        );
      },
    },
    RiskAlert: {
      acknowledged: ({ acknowledgedAt }) => acknowledgedAt !== null,
      transfer: ({ transferId }) => transferId && { id: transferId, transferId },
    },
    Transfer: {
      __resolveReference: ({ id }) => ({ id, transferId: parseId<TransferId>(id) }),
      riskAssessment: ({ transferId }, _args, { loaders }) => transferId && loaders.assessment.load(transferId),
    },
    Transaction: {
      __resolveReference: ({ id }) => ({ id, postingId: parseId<PostingId>(id) }),
      // Assessments are of transfers, and compliance looks at nothing yet: about a single line nothing is known.
      riskScore: () => null,
      complianceStatus: () => null,
    },
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
