import { accountsByIds, type LedgerAccount } from '../../ledger/accounts.ts';
import type { Leg } from '../../ledger/entry.ts';
import { newId, type AccountId, type TransferId } from '../../platform/ids.ts';
import { Refusal } from '../../platform/refusal.ts';
import type { Viewer } from '../../platform/viewer.ts';
import { assessTransfer } from './assess-transfer.ts';
import {
  refused,
  replayOf,
  type CreateTransferAnswer,
  type CreateTransferCall,
  type CreateTransferDeps,
} from './call.ts';
import {
  hashCommand,
  isDeposit,
  ownSource,
  parseCommand,
  planTransfer,
  type AccountCommand,
  type TransferCommand,
  type TransferInput,
} from './domain.ts';
import type { TransferParent } from './graph-types.ts';
import { findRecipientAccount, labelsOf } from './payees.ts';
import type { PlannedTransfer, Verdict } from './poster.ts';
import { ledgerError, refuse, TRANSFER_REFUSALS, transferError, type TransferRefusal } from './refusals.ts';
import { startDeposit } from './start-deposit.ts';

/**
 * Moves money once per idempotency key.
 *
 * 1. Parse. All faults of the input are told at once.
 * 2. Replay: a key that was decided before is answered from what was stored, whatever planning or risk would say today.
 * 3. Plan: both ends are looked up and checked. A refusal here stores nothing.
 * 4. Risk is asked once, outside any database transaction, within a deadline. A refusal here stores nothing.
 * 5. Post: one call of the poster decides under the ledger's locks, and what it decides is final for this key.
 */
export async function createTransfer(
  deps: CreateTransferDeps,
  call: CreateTransferCall,
  input: TransferInput,
): Promise<CreateTransferAnswer> {
  const command = parseCommand(input);
  if ('faults' in command) return refused(...command.faults.map(({ code, field }) => transferError(code, field)));
  const bodyHash = hashCommand(command);
  try {
    const replay = await findReplay(deps, call.viewer, command, bodyHash);
    if (replay) return replay;
    if (isDeposit(command)) return await startDeposit(deps, call, command, bodyHash);
    return await deps.gate.run(async () => {
      const ends = await planEnds(deps, call, command);
      const planned = await assess(deps, call, { ...describe(command, bodyHash), ...ends });
      return toAnswer(deps, planned, await deps.poster.post(planned));
    }, call.signal);
  } catch (error) {
    if (!(error instanceof Refusal) || !(error.code in TRANSFER_REFUSALS)) throw error;
    // The `in` above is the check that this code belongs to this subgraph.
    return refused(transferError(error.code as TransferRefusal, error.field));
  }
}

async function findReplay(
  deps: CreateTransferDeps,
  viewer: Viewer,
  { idempotencyKey }: TransferCommand,
  bodyHash: Buffer,
): Promise<CreateTransferAnswer | null> {
  const decided = await deps.store.findKey(viewer.userId, idempotencyKey);
  if (!decided) return null;
  if (!decided.bodyHash.equals(bodyHash)) throw refuse('IDEMPOTENCY_KEY_REUSED', ['idempotencyKey']);
  if (decided.verdict) return { transfer: null, replayed: true, userErrors: [ledgerError(decided.verdict)] };
  return replayOf(deps, decided.transferId);
}

type Ends = Pick<PlannedTransfer, 'type' | 'source' | 'destination'>;

async function planEnds(
  deps: CreateTransferDeps,
  { viewer, signal }: CreateTransferCall,
  command: AccountCommand,
): Promise<Ends> {
  const { source: from, destination: to } = command;
  const ids = [from, to].flatMap((end) => (end.kind === 'account' && end.id ? [end.id] : []));
  const accounts = await accountsByIds(deps.pool, ids);
  const accountOf = (id: AccountId | null): LedgerAccount | undefined => (id ? accounts.get(id) : undefined);
  // The source is judged before any email is looked up: who names no account of their own learns nothing about emails.
  const ownAccount = ownSource(viewer.userId, accountOf(from.id));
  const found =
    to.kind === 'account'
      ? accountOf(to.id)
      : await findRecipientAccount(deps, viewer, { email: to.email, currency: command.amount.currency, signal });
  const { type, source, destination } = planTransfer(command, ownAccount, found);
  const labels = await labelsOf(deps, [source.ownerId, destination.ownerId], signal);
  const endOf = ({ id, ownerId }: LedgerAccount) => ({ accountId: id, ownerId, label: labels.get(ownerId)! });
  return { type, source: endOf(source), destination: endOf(destination) };
}

function describe(
  { idempotencyKey, amount, description }: AccountCommand,
  bodyHash: Buffer,
): Pick<PlannedTransfer, 'idempotencyKey' | 'amount' | 'description' | 'bodyHash'> {
  return { idempotencyKey, bodyHash, amount, description };
}

/** Completes the plan with what risk finds, or refuses with what follows from it. */
async function assess(
  deps: CreateTransferDeps,
  { viewer, origin, signal }: CreateTransferCall,
  plan: Ends & ReturnType<typeof describe>,
): Promise<PlannedTransfer> {
  const initiatedAt = deps.clock.now();
  // The id begins with the time of createdAt, so that lists sorted by id are sorted by time.
  const transferId = newId<TransferId>(initiatedAt.getTime());
  const assessment = await assessTransfer(
    deps,
    {
      transferId,
      customerId: viewer.userId,
      type: plan.type,
      sourceAccountId: plan.source.accountId,
      destinationAccountId: plan.destination.accountId,
      recipientId: plan.destination.ownerId,
      amountMinor: plan.amount.amountMinor.toString(),
      currency: plan.amount.currency,
      origin,
    },
    signal,
  );
  return {
    ...plan,
    transferId,
    userId: viewer.userId,
    destinationAmount: plan.amount,
    exchange: null,
    initiatedAt,
    assessment,
    legs: legsOf(plan),
  };
}

/** The postings of an INTERNAL transfer. Each owner reads the other end's label on the statement. */
function legsOf({
  amount: { amountMinor, currency },
  source,
  destination,
}: Pick<PlannedTransfer, 'amount' | 'source' | 'destination'>): Leg[] {
  return [
    {
      accountId: source.accountId,
      currency,
      amountMinor: -amountMinor,
      lineType: 'TRANSFER_OUT',
      counterparty: destination.label,
    },
    { accountId: destination.accountId, currency, amountMinor, lineType: 'TRANSFER_IN', counterparty: source.label },
  ];
}

async function toAnswer(
  deps: CreateTransferDeps,
  planned: PlannedTransfer,
  verdict: Verdict,
): Promise<CreateTransferAnswer> {
  switch (verdict.outcome) {
    case 'DONE':
      return { transfer: posted(planned, verdict.at), replayed: false, userErrors: [] };
    case 'REFUSED':
      return refused(ledgerError(verdict.code));
    case 'KEY_REUSED':
      throw refuse('IDEMPOTENCY_KEY_REUSED', ['idempotencyKey']);
    case 'REPLAYED':
      return verdict.code === null
        ? replayOf(deps, verdict.transferId)
        : { transfer: null, replayed: true, userErrors: [ledgerError(verdict.code)] };
  }
}

/** The transfer as transfer.create_transfers has just stored it (a test compares the two), without reading it again. */
function posted(planned: PlannedTransfer, at: Date): TransferParent {
  const { transferId, type, amount, destinationAmount, exchange, source, destination, description, initiatedAt } =
    planned;
  const createdAt = initiatedAt < at ? initiatedAt : at;
  return {
    id: transferId,
    type,
    status: 'COMPLETED',
    amount,
    destinationAmount,
    exchangeRate: exchange?.rate ?? null,
    feesMinor: 0n,
    source: { ...source, paymentMethodId: null },
    destination: { ...destination, paymentMethodId: null },
    description,
    failureCode: null,
    timeline: [
      { status: 'INITIATED', at: createdAt, step: null, note: null },
      { status: 'COMPLETED', at, step: null, note: null },
    ],
    createdAt,
    updatedAt: at,
  };
}
