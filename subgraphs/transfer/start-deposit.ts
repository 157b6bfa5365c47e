import { accountsByIds, type LedgerAccount } from '../../ledger/accounts.ts';
import { readPostingStop } from '../../ledger/posting-gate.ts';
import { isDatabaseLost, sqlState, withRetry } from '../../platform/db.ts';
import { newId, type TransferId, type UserId } from '../../platform/ids.ts';
import { assessTransfer } from './assess-transfer.ts';
import {
  refused,
  replayOf,
  type CreateTransferAnswer,
  type CreateTransferCall,
  type CreateTransferDeps,
} from './call.ts';
import { storeDeposit, type PlannedDeposit, type StartVerdict } from './deposit-store.ts';
import { mustBeActive, type DepositCommand } from './domain.ts';
import { labelsOf } from './payees.ts';
import { findChargeableMethod, type ChargeableMethod } from './payment-methods.ts';
import { OutcomeUnknownError } from './poster.ts';
import { findQuote } from './quotes/find-quote.ts';
import { ledgerError, refuse } from './refusals.ts';
import { asOf } from './transfer-updated.ts';

/**
 * Starts a deposit and answers at once: the transfer is INITIATED, and a job brings it to its end (charge-deposit.ts). Called by
 * createTransfer when the command has no replay. Refuses like a transfer: the payment method, then the destination, then risk;
 * none of these is stored.
 */
export async function startDeposit(
  deps: CreateTransferDeps,
  call: CreateTransferCall,
  command: DepositCommand,
  bodyHash: Buffer,
): Promise<CreateTransferAnswer> {
  const verdict = await deps.gate.run(
    async () => store(deps, await planDeposit(deps, call, command, bodyHash)),
    call.signal,
  );
  switch (verdict.outcome) {
    case 'DONE': {
      deps.wakeUp.signal();
      const { transfer } = await replayOf(deps, verdict.transferId);
      // As this call made it, also where another process has taken its next step already.
      return { transfer: asOf(transfer!, 1), replayed: false, userErrors: [] };
    }
    case 'REFUSED':
      return refused(ledgerError(verdict.code));
    case 'KEY_REUSED':
      throw refuse('IDEMPOTENCY_KEY_REUSED', ['idempotencyKey']);
    case 'REPLAYED':
      return verdict.transferId === null
        ? { transfer: null, replayed: true, userErrors: [ledgerError(verdict.code)] }
        : replayOf(deps, verdict.transferId);
  }
}

async function planDeposit(
  deps: CreateTransferDeps,
  { viewer, origin, signal }: CreateTransferCall,
  command: DepositCommand,
  bodyHash: Buffer,
): Promise<PlannedDeposit> {
  // A card must not be charged for what cannot be credited.
  if (await readPostingStop(deps.pool)) throw refuse('BANK_READ_ONLY');
  await findQuote(deps, viewer, command);
  const { method, account } = await findDepositEnds(deps, { viewer, signal }, command);
  const labels = await labelsOf(deps, [viewer.userId], signal);
  const initiatedAt = deps.clock.now();
  // The id begins with the time of createdAt, so that lists sorted by id are sorted by time.
  const transferId = newId<TransferId>(initiatedAt.getTime());
  const { amount, idempotencyKey, description } = command;
  const assessment = await assessTransfer(
    deps,
    {
      transferId,
      customerId: viewer.userId,
      type: 'DEPOSIT',
      sourceAccountId: null,
      destinationAccountId: account.id,
      recipientId: viewer.userId,
      amountMinor: amount.amountMinor.toString(),
      currency: amount.currency,
      origin,
    },
    signal,
  );
  return {
    transferId,
    userId: viewer.userId,
    idempotencyKey,
    bodyHash,
    amount,
    source: { paymentMethodId: method.id, reference: method.reference, label: method.label },
    destination: { accountId: account.id, label: labels.get(viewer.userId)! },
    description,
    initiatedAt,
    assessment,
    quoteId: command.quoteId,
  };
}

/** Both ends of a deposit that may be started. */
export async function findDepositEnds(
  deps: CreateTransferDeps,
  { viewer, signal }: Pick<CreateTransferCall, 'viewer' | 'signal'>,
  command: DepositCommand,
): Promise<{ method: ChargeableMethod; account: LedgerAccount }> {
  if (!deps.cards) throw refuse('FEATURE_UNAVAILABLE', ['source', 'paymentMethodId']);
  await deps.limits.check('card-charge-failure', viewer.userId);
  const method = await findChargeableMethod(deps, viewer, { id: command.source.id, signal });
  return { method, account: await findDestination(deps, viewer.userId, command) };
}

/** Money comes in onto one of the caller's own accounts only: another's is missing, as everywhere. */
async function findDestination(
  { pool }: CreateTransferDeps,
  viewerId: UserId,
  { destination, amount }: DepositCommand,
): Promise<LedgerAccount> {
  const field = ['destination', 'accountId'];
  const account = destination.id && (await accountsByIds(pool, [destination.id])).get(destination.id);
  if (!account || account.ownerId !== viewerId) throw refuse('ACCOUNT_NOT_FOUND', field);
  if (account.currency !== amount.currency) throw refuse('CURRENCY_MISMATCH', ['amount', 'currency']);
  mustBeActive(account, field);
  return account;
}

/** SQLSTATE of a lock_timeout: somebody holds this key for too long, and nothing was done. */
const LOCK_NOT_AVAILABLE = '55P03';

async function store({ pool }: CreateTransferDeps, planned: PlannedDeposit): Promise<StartVerdict> {
  try {
    return await withRetry(() => storeDeposit(pool, planned));
  } catch (error) {
    if (sqlState(error) === LOCK_NOT_AVAILABLE) throw refuse('POSTER_BUSY');
    // A connection that broke may have committed first: only the key can tell.
    throw isDatabaseLost(error) ? new OutcomeUnknownError(error) : error;
  }
}
