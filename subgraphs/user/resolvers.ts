import { unauthenticated } from '../../platform/graph-errors.ts';
import { parseId, type UserId } from '../../platform/ids.ts';
import { answerRefusals, type UserError } from '../../platform/refusal.ts';
import { isStaff } from '../../platform/viewer.ts';
import type { Resolvers } from './generated/resolvers.ts';
import type { UserContext, UserParent } from './graph-types.ts';
import { login } from './login.ts';
import { logout } from './logout.ts';
import { refreshSession } from './refresh-session.ts';
import { USER_REFUSALS, type UserRefusal } from './refusals.ts';
import { register } from './register.ts';
import type { Authenticated, UserDeps } from './sessions.ts';

/** GraphQL in and out. */
export function createResolvers(deps: UserDeps): Resolvers {
  return {
    Query: {
      me: (_root, _args, { viewer, loaders }) => {
        if (!viewer) throw unauthenticated();
        return loaders.userById.load(viewer.userId);
      },
    },
    Mutation: {
      register: (_root, { input }) => authPayload(() => register(deps, input)),
      login: (_root, { input }, { origin }) => authPayload(() => login(deps, origin, input)),
      refreshSession: (_root, { input }) => authPayload(() => refreshSession(deps, input.refreshToken)),
      logout: async (_root, _args, { viewer }) => {
        if (!viewer) throw unauthenticated();
        await logout(deps, viewer);
        return { loggedOut: true, userErrors: [] };
      },
    },
    User: {
      __resolveReference: ({ id }, { loaders }) => {
        const userId = parseId<UserId>(id);
        return userId && loaders.userById.load(userId);
      },
      email: (user, _args, context) => (maySeeAll(user, context) ? user.email : null),
      kycStatus: (user, _args, context) => (maySeeAll(user, context) ? user.kycStatus : null),
      roles: (user, _args, context) => (maySeeAll(user, context) ? user.roles : null),
    },
  };
}

function maySeeAll(user: UserParent, { viewer }: UserContext): boolean {
  return user.isCaller === true || (viewer !== null && (viewer.userId === user.id || isStaff(viewer)));
}

interface AuthPayload extends Partial<Authenticated> {
  userErrors: UserError[];
}

/** The graph's AuthPayload for an operation that authenticates or refuses. */
async function authPayload(operation: () => Promise<Authenticated>) {
  const {
    user = null,
    tokens = null,
    userErrors,
  } = await answerRefusals<AuthPayload, UserRefusal>(
    USER_REFUSALS,
    async () => ({ ...(await operation()), userErrors: [] }),
    (userErrors) => ({ userErrors }),
  );
  return { user, tokens, challenge: null, userErrors };
}
