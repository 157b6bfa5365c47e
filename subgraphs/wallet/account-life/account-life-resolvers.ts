import type { AccountStatus } from '../../../ledger/accounts.ts';
import { unauthenticated } from '../../../platform/graph-errors.ts';
import type { AccountId } from '../../../platform/ids.ts';
import { toGraphMoney } from '../../../platform/money.ts';
import { answerRefusals, type UserError } from '../../../platform/refusal.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import type { AccountResolvers, BalanceResolvers, MutationResolvers } from '../generated/resolvers.ts';
import type { AccountParent, WalletContext } from '../graph-types.ts';
import { closeAccount, freezeAccount, unfreezeAccount, type AccountLifeDeps } from './change-account-status.ts';
import { ACCOUNT_LIFE_REFUSALS, type AccountLifeRefusal } from './refusals.ts';
import { setOverdraft } from './set-overdraft.ts';

/** The part of the graph about what may be done with an account. */
export function createAccountLifeResolvers(deps: AccountLifeDeps) {
  const mutations = {
    freezeAccount: (_root, args, context) => answer(context, 'FROZEN', (viewer) => freezeAccount(deps, viewer, args)),
    unfreezeAccount: (_root, { accountId }, context) =>
      answer(context, 'ACTIVE', (viewer) => unfreezeAccount(deps, viewer, accountId)),
    closeAccount: (_root, { accountId }, context) =>
      answer(context, 'CLOSED', (viewer) => closeAccount(deps, viewer, accountId)),
    setOverdraft: async (_root, args, { viewer }) => {
      if (!viewer) throw unauthenticated();
      return answerRefusals<
        { overdraft: ReturnType<typeof toGraphMoney> | null; userErrors: UserError[] },
        AccountLifeRefusal
      >(
        ACCOUNT_LIFE_REFUSALS,
        async () => ({ overdraft: toGraphMoney(await setOverdraft(deps, viewer, args)), userErrors: [] }),
        (userErrors) => ({ overdraft: null, userErrors }),
      );
    },
  } satisfies MutationResolvers;

  const account = {
    frozenReason: ({ id, status }, _args, { loaders }) => (status === 'FROZEN' ? loaders.statusReason.load(id) : null),
  } satisfies AccountResolvers;

  const balance = {
    overdraft: ({ overdraftMinor, currency }) => toGraphMoney({ amountMinor: overdraftMinor, currency }),
  } satisfies BalanceResolvers;

  return { mutations, account, balance };
}

interface Payload {
  account: AccountParent | null;
  status: AccountStatus | null;
  userErrors: UserError[];
}

/** Runs a mutation for the viewer. Staff is told the status that it has set and sees nothing else of the account. */
function answer(
  { viewer, loaders }: WalletContext,
  status: AccountStatus,
  operation: (viewer: Viewer) => Promise<AccountId>,
): Promise<Payload> {
  if (!viewer) throw unauthenticated();
  return answerRefusals<Payload, AccountLifeRefusal>(
    ACCOUNT_LIFE_REFUSALS,
    async () => {
      const id = await operation(viewer);
      // What this request has read of the account before is no longer so.
      const account = await loaders.accountById.clear(id).load(id);
      return { account, status: account?.status ?? status, userErrors: [] };
    },
    (userErrors) => ({ account: null, status: null, userErrors }),
  );
}
