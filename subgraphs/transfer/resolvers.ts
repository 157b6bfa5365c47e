import { unauthenticated } from '../../platform/graph-errors.ts';
import { parseId, type PostingId, type TransferId } from '../../platform/ids.ts';
import { toGraphMoney } from '../../platform/money.ts';
import type { CreateTransferDeps } from './call.ts';
import { createTransfer } from './create-transfer.ts';
import type { Resolvers } from './generated/resolvers.ts';
import type { TransferParent } from './graph-types.ts';
import { listTransfers } from './list-transfers.ts';
import { transferUpdated } from './transfer-updated.ts';

/** GraphQL in and out: translates, never decides. */
export function createResolvers(deps: CreateTransferDeps): Resolvers {
  return {
    Query: {
      me: (_root, _args, { viewer }) => {
        if (!viewer) throw unauthenticated();
        return { id: viewer.userId };
      },
      transfer: (_root, { id }, { loaders }) => {
        const transferId = parseId<TransferId>(id);
        return transferId && loaders.transfer.load(transferId);
      },
    },
    Mutation: {
      createTransfer: async (_root, { input }, { viewer, origin, signal }) => {
        if (!viewer) throw unauthenticated();
        return { ...(await createTransfer(deps, { viewer, origin, signal }, input)), challenge: null };
      },
    },
    Subscription: {
      transferUpdated: {
        subscribe: (_root, { transferId }, { viewer, signal }) => transferUpdated(deps, viewer, { transferId, signal }),
        resolve: (transfer: TransferParent | Error) => {
          if (transfer instanceof Error) throw transfer;
          return transfer;
        },
      },
    },
    User: {
      __resolveReference: ({ id }) => ({ id }),
      transfers: ({ id }, args, { viewer }) => listTransfers(deps, viewer, id, args),
    },
    Transfer: {
      __resolveReference: ({ id }, { loaders }) => {
        const transferId = parseId<TransferId>(id);
        return transferId && loaders.transfer.load(transferId);
      },
      amount: ({ amount }) => toGraphMoney(amount),
      destinationAmount: ({ destinationAmount }) => toGraphMoney(destinationAmount),
      fees: ({ feesMinor, amount }) => toGraphMoney({ amountMinor: feesMinor, currency: amount.currency }),
    },
    TransferEnd: {
      account: ({ accountId, ownerId }, _args, { viewer }) =>
        accountId && viewer && ownerId === viewer.userId ? { id: accountId } : null,
      paymentMethod: ({ paymentMethodId, ownerId }, _args, { viewer }) =>
        paymentMethodId && viewer && ownerId === viewer.userId ? { id: paymentMethodId } : null,
    },
    Transaction: {
      __resolveReference: ({ id }) => ({ id, postingId: parseId<PostingId>(id) }),
      transfer: ({ postingId }, _args, { loaders }) => postingId && loaders.transferOfPosting.load(postingId),
    },
  };
}
