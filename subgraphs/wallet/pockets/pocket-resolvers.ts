import { availableMinor } from '../../../ledger/balances.ts';
import { unauthenticated } from '../../../platform/graph-errors.ts';
import type { PocketId } from '../../../platform/ids.ts';
import { toGraphMoney } from '../../../platform/money.ts';
import { answerRefusals, type UserError } from '../../../platform/refusal.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import type { AccountResolvers, MutationResolvers, Resolvers } from '../generated/resolvers.ts';
import type { AccountParent, WalletContext } from '../graph-types.ts';
import type { PocketDeps } from './change-pocket.ts';
import { closePocket } from './close-pocket.ts';
import { createPocket } from './create-pocket.ts';
import { movePocket } from './move-pocket.ts';
import { findPockets, type PocketParent } from './pocket-store.ts';
import { POCKET_REFUSALS, type PocketRefusal } from './refusals.ts';
import { renamePocket } from './rename-pocket.ts';

/** The part of the graph about pockets. */
export function createPocketResolvers(deps: PocketDeps) {
  const answer = (context: WalletContext, operation: (viewer: Viewer) => Promise<PocketId>) =>
    answerPocket(deps, context, operation);
  const mutations = {
    createPocket: (_root, { input }, context) => answer(context, (viewer) => createPocket(deps, viewer, input)),
    moveToPocket: (_root, { input }, context) => answer(context, (viewer) => movePocket(deps, viewer, 'IN', input)),
    moveFromPocket: (_root, { input }, context) => answer(context, (viewer) => movePocket(deps, viewer, 'OUT', input)),
    renamePocket: (_root, args, context) => answer(context, (viewer) => renamePocket(deps, viewer, args)),
    closePocket: (_root, { pocketId }, context) => answer(context, (viewer) => closePocket(deps, viewer, pocketId)),
  } satisfies MutationResolvers;

  const account = {
    pockets: ({ id }, _args, { loaders }) => loaders.pocketsOfAccount.load(id),
    overview: ({ id }, _args, { loaders }) => loaders.overviewOfAccount.load(id),
  } satisfies AccountResolvers;

  const entities = {
    Pocket: {
      target: ({ targetMinor, currency }) =>
        targetMinor === null ? null : toGraphMoney({ amountMinor: targetMinor, currency }),
      balance: ({ balanceMinor, currency }) => toGraphMoney({ amountMinor: balanceMinor, currency }),
      isOpen: ({ closedAt }) => closedAt === null,
    },
    AccountOverview: {
      own: ({ postedMinor, currency }) => toGraphMoney({ amountMinor: postedMinor, currency }),
      available: (balance) => toGraphMoney({ amountMinor: availableMinor(balance), currency: balance.currency }),
      overdraft: ({ overdraftMinor, currency }) => toGraphMoney({ amountMinor: overdraftMinor, currency }),
      pockets: ({ pocketsMinor, currency }) => toGraphMoney({ amountMinor: pocketsMinor, currency }),
      reserved: ({ heldMinor, pocketsMinor, currency }) =>
        toGraphMoney({ amountMinor: heldMinor - pocketsMinor, currency }),
    },
  } satisfies Resolvers;

  return { mutations, account, entities };
}

interface Payload {
  pocket: PocketParent | null;
  account: AccountParent | null;
  userErrors: UserError[];
}

/** Runs a mutation for the viewer, and shows the pocket and its account as they are after it. */
function answerPocket(
  { pool }: PocketDeps,
  { viewer, loaders }: WalletContext,
  operation: (viewer: Viewer) => Promise<PocketId>,
): Promise<Payload> {
  if (!viewer) throw unauthenticated();
  return answerRefusals<Payload, PocketRefusal>(
    POCKET_REFUSALS,
    async () => {
      const id = await operation(viewer);
      const pocket = (await findPockets(pool, [id])).get(id);
      if (!pocket) throw new Error(`pocket ${id} is gone`);
      const account = await loaders.accountById.clear(pocket.accountId).load(pocket.accountId);
      return { pocket, account, userErrors: [] };
    },
    (userErrors) => ({ pocket: null, account: null, userErrors }),
  );
}
