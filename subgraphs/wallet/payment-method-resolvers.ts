import { parseId, type ExternalTransactionId, type PaymentMethodId, type UserId } from '../../platform/ids.ts';
import { toGraphMoney } from '../../platform/money.ts';
import { answerRefusals, type UserError } from '../../platform/refusal.ts';
import { unauthenticated } from '../../platform/graph-errors.ts';
import { connectPaymentMethod, type ConnectPaymentMethodDeps } from './connect-payment-method.ts';
import { disconnectPaymentMethod, type DisconnectPaymentMethodDeps } from './disconnect-payment-method.ts';
import type { MutationResolvers, Resolvers, UserResolvers } from './generated/resolvers.ts';
import type { PaymentMethodParent, WalletContext } from './graph-types.ts';
import { listExternalTransactions } from './list-external-transactions.ts';
import { listPaymentMethods } from './list-payment-methods.ts';
import { WALLET_REFUSALS, type WalletRefusal } from './refusals.ts';
import { syncPaymentMethod } from './sync-payment-method.ts';

export type PaymentMethodDeps = ConnectPaymentMethodDeps & DisconnectPaymentMethodDeps;

/** The part of the graph about payment methods: its mutations, the person's list, and the two entities. */
export function createPaymentMethodResolvers(deps: PaymentMethodDeps) {
  const mutations = {
    connectPaymentMethod: (_root, { input }, context) =>
      answer(context, (ownerId) => connectPaymentMethod(deps, ownerId, input, context.signal)),
    syncPaymentMethod: (_root, args, context) =>
      answer(context, (ownerId) => syncPaymentMethod(deps, ownerId, args, context.signal)),
    disconnectPaymentMethod: (_root, { id }, context) =>
      answer(context, (ownerId) => disconnectPaymentMethod(deps, ownerId, id, context.signal)),
  } satisfies MutationResolvers;

  const paymentMethods: UserResolvers['paymentMethods'] = ({ id }, args, { viewer, loaders }) =>
    viewer?.userId === id ? listPaymentMethods(loaders, id, args) : null;

  const entities = {
    PaymentMethod: {
      __resolveReference: ({ id }, { loaders }) => {
        const methodId = parseId<PaymentMethodId>(id);
        return methodId && loaders.paymentMethodById.load(methodId);
      },
      balance: ({ balanceMinor, currency }) =>
        balanceMinor === null || currency === null ? null : toGraphMoney({ amountMinor: balanceMinor, currency }),
      externalTransactions: ({ id }, args, { loaders }) => listExternalTransactions(loaders, id, args),
    },
    ExternalTransaction: {
      __resolveReference: ({ id }, { loaders }) => {
        const lineId = parseId<ExternalTransactionId>(id);
        return lineId && loaders.externalTransactionById.load(lineId);
      },
      amount: ({ amountMinor, currency }) => toGraphMoney({ amountMinor, currency }),
    },
  } satisfies Resolvers;

  return { mutations, paymentMethods, entities };
}

interface Payload {
  paymentMethod: PaymentMethodParent | null;
  userErrors: UserError[];
}

/** Runs a mutation for the viewer, and shows the payment method as it is after it. */
function answer(
  { viewer, loaders }: WalletContext,
  operation: (ownerId: UserId) => Promise<PaymentMethodId>,
): Promise<Payload> {
  if (!viewer) throw unauthenticated();
  return answerRefusals<Payload, WalletRefusal>(
    WALLET_REFUSALS,
    async () => {
      const id = await operation(viewer.userId);
      return { paymentMethod: await loaders.paymentMethodById.load(id), userErrors: [] };
    },
    (userErrors) => ({ paymentMethod: null, userErrors }),
  );
}
