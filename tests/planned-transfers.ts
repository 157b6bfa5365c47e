import { createHash, randomUUID } from 'node:crypto';
import { newId, type TransferId } from '../platform/ids.ts';
import type { PlannedTransfer } from '../subgraphs/transfer/poster.ts';
import type { TestAccount } from './ledger-world.ts';

/** A transfer between two accounts as create-transfer hands it to the poster, with a key and an id of its own. */
export function planned(
  from: TestAccount,
  to: TestAccount,
  amountMinor: bigint,
  overrides: Partial<PlannedTransfer> = {},
): PlannedTransfer {
  const currency = from.currency;
  const lines = { currency, counterparty: null };
  return {
    transferId: newId<TransferId>(),
    userId: from.ownerId,
    idempotencyKey: randomUUID(),
    bodyHash: createHash('sha256').update(`${from.accountId} ${to.accountId} ${amountMinor}`).digest(),
    type: 'INTERNAL',
    amount: { amountMinor, currency },
    destinationAmount: { amountMinor, currency },
    exchange: null,
    source: { accountId: from.accountId, ownerId: from.ownerId, label: 'Ada' },
    destination: { accountId: to.accountId, ownerId: to.ownerId, label: 'Ben' },
    description: null,
    initiatedAt: new Date(),
    assessment: {
      score: 5,
      level: 'LOW',
      decision: 'ALLOW',
      factors: [],
      assessedAt: new Date().toISOString(),
      spending: null,
      evidence: {},
    },
    legs: [
      { ...lines, accountId: from.accountId, amountMinor: -amountMinor, lineType: 'TRANSFER_OUT' },
      { ...lines, accountId: to.accountId, amountMinor, lineType: 'TRANSFER_IN' },
    ],
    ...overrides,
  };
}
