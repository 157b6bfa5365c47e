import { toGraphMoney } from '../../../platform/money.ts';
import { parsePage, positionOfForm, toConnection } from '../../../platform/pagination.ts';
import { requireRole } from '../../../platform/staff.ts';
import type { Providers } from '../../../providers/providers.ts';
import type { CreateTransferDeps } from '../call.ts';
import type { Room } from '../room.ts';
import { ASK_PROVIDER, createAskProvider, type AskProviderDeps } from './ask-provider.ts';
import { listExceptions } from './exception-store.ts';
import { createSettlementFetch } from './fetch-settlements.ts';
import { listFetches } from './fetch-store.ts';
import { importSettlementReport } from './import-settlement-report.ts';
import { differenceOf, explainedOf, listProofs, resultOf } from './proof-store.ts';
import { resolveReconciliationException } from './resolve-exception.ts';

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const isExceptionPosition = positionOfForm(/^\d{4}-\d{2}-\d{2}T[0-9:.]+Z$/, ID);
const isProofPosition = positionOfForm(/^\d{4}-\d{2}-\d{2}$/, /^[a-z]+$/, /^[A-Z0-9]{3,10}$/);

/** What providers say about our accounts with them, against the books. */
export function createReconciliationRoom(
  deps: Pick<CreateTransferDeps, 'pool' | 'wakeUp' | 'log' | 'cards' | 'payouts'> &
    Pick<Providers, 'settlements'> &
    Omit<AskProviderDeps, 'pool'>,
  jobsPool: AskProviderDeps['pool'],
): Room {
  const { pool, wakeUp, cards, payouts } = deps;
  const knowsProvider = (name: string) => cards?.name === name || Boolean(payouts?.find(name));
  return {
    resolvers: {
      Query: {
        reconciliationExceptions: async (_root, { first, after, open, provider }, { viewer }) => {
          requireRole(viewer, 'SUPPORT', 'ADMIN');
          const filter = { open, provider };
          const page = parsePage({ first, after }, 'reconciliationExceptions', filter, isExceptionPosition);
          const rows = await listExceptions(pool, {
            open: open ?? null,
            provider: provider ?? null,
            after: page.after,
            limit: page.limit + 1,
          });
          return toConnection(
            rows,
            page,
            ({ openedAt, id }) => [openedAt.toISOString(), id],
            (row) => row,
          );
        },
        settlementProofs: async (_root, { first, after, provider }, { viewer }) => {
          requireRole(viewer, 'SUPPORT', 'ADMIN');
          const page = parsePage({ first, after }, 'settlementProofs', { provider }, isProofPosition);
          const rows = await listProofs(pool, {
            provider: provider ?? null,
            before: page.after,
            limit: page.limit + 1,
          });
          return toConnection(
            rows,
            page,
            ({ day, provider: name, currency }) => [day, name, currency],
            (row) => row,
          );
        },
        settlementFetches: (_root, _args, { viewer }) => {
          requireRole(viewer, 'SUPPORT', 'ADMIN');
          return listFetches(pool);
        },
      },
      Mutation: {
        importSettlementReport: (_root, { input }, { viewer }) =>
          importSettlementReport({ pool, wakeUp, knowsProvider }, requireRole(viewer, 'ADMIN'), input),
        resolveReconciliationException: (_root, args, { viewer }) =>
          resolveReconciliationException({ pool }, requireRole(viewer, 'ADMIN'), args),
      },
      ReconciliationException: {
        amount: ({ amount, currency }) => toGraphMoney({ amountMinor: BigInt(amount), currency }),
        transfer: ({ transferId }, _args, { loaders }) => transferId && loaders.transfer.load(transferId),
      },
      SettlementProof: {
        result: resultOf,
        ours: ({ oursMinor, currency }) => toGraphMoney({ amountMinor: oursMinor, currency }),
        theirs: ({ theirsMinor, currency }) => toGraphMoney({ amountMinor: theirsMinor, currency }),
        difference: (proof) => toGraphMoney({ amountMinor: differenceOf(proof), currency: proof.currency }),
        timing: ({ timingMinor, currency }) => toGraphMoney({ amountMinor: timingMinor, currency }),
        explained: (proof) => toGraphMoney({ amountMinor: explainedOf(proof), currency: proof.currency }),
      },
    },
    tasks: { [ASK_PROVIDER]: createAskProvider({ ...deps, pool: jobsPool }) },
    periodic: deps.settlements.length > 0 ? [createSettlementFetch({ ...deps, pool: jobsPool })] : [],
  };
}
