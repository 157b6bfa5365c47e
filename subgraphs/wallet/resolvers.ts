import { availableMinor } from '../../ledger/balances.ts';
import { unauthenticated } from '../../platform/graph-errors.ts';
import { parseId, type AccountId, type PostingId } from '../../platform/ids.ts';
import { toGraphMoney } from '../../platform/money.ts';
import { answerRefusals, type UserError } from '../../platform/refusal.ts';
import type { Viewer } from '../../platform/viewer.ts';
import type { AccountLifeDeps } from './account-life/change-account-status.ts';
import { createAccountLifeResolvers } from './account-life/account-life-resolvers.ts';
import { followBalance, type FollowBalanceDeps } from './follow-balance.ts';
import type { BalanceResolvers, HoldResolvers, Resolvers } from './generated/resolvers.ts';
import type { AccountParent, BalanceParent, BalanceUpdateParent, WalletContext } from './graph-types.ts';
import { listAccounts } from './list-accounts.ts';
import { listTransactions } from './list-transactions.ts';
import type { WalletLoaders } from './loaders.ts';
import { createStatementResolvers } from './monthly-statements/statement-resolvers.ts';
import { openAccount, type OpenAccountDeps } from './open-account.ts';
import { createPaymentMethodResolvers, type PaymentMethodDeps } from './payment-method-resolvers.ts';
import type { PocketDeps } from './pockets/change-pocket.ts';
import { createPocketResolvers } from './pockets/pocket-resolvers.ts';
import { WALLET_REFUSALS, type WalletRefusal } from './refusals.ts';

export type WalletDeps = OpenAccountDeps & FollowBalanceDeps & PaymentMethodDeps & AccountLifeDeps & PocketDeps;

/** GraphQL in and out. */
export function createResolvers(deps: WalletDeps): Resolvers {
  const paymentMethodPart = createPaymentMethodResolvers(deps);
  const accountLifePart = createAccountLifeResolvers(deps);
  const pocketPart = createPocketResolvers(deps);
  const statementPart = createStatementResolvers(deps);
  return {
    Query: {
      me: (_root, _args, context) => ({ id: viewerOf(context).userId }),
      account: (_root, { id }, context) => ownAccount(id, context),
    },
    Mutation: {
      openAccount: async (_root, { input }, context) => {
        const viewer = viewerOf(context);
        return answerRefusals<{ account: AccountParent | null; userErrors: UserError[] }, WalletRefusal>(
          WALLET_REFUSALS,
          async () => {
            const id = await openAccount(deps, viewer.userId, input);
            return { account: await context.loaders.accountById.load(id), userErrors: [] };
          },
          (userErrors) => ({ account: null, userErrors }),
        );
      },
      ...paymentMethodPart.mutations,
      ...accountLifePart.mutations,
      ...pocketPart.mutations,
    },
    Subscription: {
      balanceUpdated: {
        subscribe: (_root, args, context) => followBalance(deps, viewerOf(context), args, context.signal),
        // The server makes each event's value the root; see platform/subgraph.ts, SourceEvent.
        resolve: (update: BalanceUpdateParent) => update,
      },
    },
    User: {
      __resolveReference: ({ id }) => {
        const userId = parseId<Viewer['userId']>(id);
        return userId && { id: userId };
      },
      accounts: ({ id }, args, { viewer, loaders }) => (viewer?.userId === id ? listAccounts(loaders, id, args) : null),
      paymentMethods: paymentMethodPart.paymentMethods,
    },
    Account: {
      __resolveReference: ({ id }, context) => ownAccount(id, context),
      owner: ({ ownerId }) => ({ id: ownerId }),
      name: ({ id }, _args, { loaders }) => loaders.accountName.load(id),
      createdAt: ({ openedAt }) => openedAt,
      balance: (account, { asOf }, { loaders }) => readBalance(loaders, account, asOf ?? null),
      transactions: ({ id }, args, { loaders }) => listTransactions(loaders, id, args),
      holds: ({ id }, _args, { loaders }) => loaders.holdsOfAccount.load(id),
      ...accountLifePart.account,
      ...pocketPart.account,
      ...statementPart.account,
    },
    Hold: HOLD,
    Balance: { ...BALANCE, ...accountLifePart.balance },
    Transaction: {
      __resolveReference: ({ id }, { loaders }) => {
        const postingId = parseId<PostingId>(id);
        return postingId && loaders.transactionById.load(postingId);
      },
      amount: ({ amountMinor, currency }) => toGraphMoney({ amountMinor, currency }),
      balanceAfter: ({ balanceAfterMinor, currency }) => toGraphMoney({ amountMinor: balanceAfterMinor, currency }),
    },
    BalanceUpdate: {
      eventId: ({ accountId, balance }) => `${accountId}:${balance.version}`,
      account: async ({ accountId }, _args, { loaders }) => {
        const account = await loaders.accountById.load(accountId);
        if (!account) throw new Error(`account ${accountId} is followed and not to be seen`);
        return account;
      },
    },
    ...paymentMethodPart.entities,
    ...pocketPart.entities,
    ...statementPart.entities,
  };
}

const BALANCE = {
  posted: ({ postedMinor, currency }) => toGraphMoney({ amountMinor: postedMinor, currency }),
  held: ({ heldMinor, currency }) => toGraphMoney({ amountMinor: heldMinor, currency }),
  available: (balance) => toGraphMoney({ amountMinor: availableMinor(balance), currency: balance.currency }),
  asOf: ({ at }) => at,
} satisfies BalanceResolvers;

const HOLD = {
  amount: ({ openMinor, currency }) => toGraphMoney({ amountMinor: openMinor, currency }),
  transfer: ({ transferId }) => transferId && { id: transferId },
} satisfies HoldResolvers;

function viewerOf({ viewer }: WalletContext): Viewer {
  if (!viewer) throw unauthenticated();
  return viewer;
}

function ownAccount(id: string, { loaders }: WalletContext): Promise<AccountParent | null> | null {
  const accountId = parseId<AccountId>(id);
  return accountId && loaders.accountById.load(accountId);
}

async function readBalance(
  { balanceAsOf }: WalletLoaders,
  { id, currency, balance: present }: AccountParent,
  at: Date | null,
): Promise<BalanceParent> {
  const balance = at ? await balanceAsOf.load({ accountId: id, at }) : present;
  if (!balance) throw new Error(`account ${id} has no balance`);
  return { ...balance, currency };
}
