import { Refusal } from '../../../platform/refusal.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { CreateTransferCall, CreateTransferDeps } from '../call.ts';
import { isDeposit, isPayout, parseCommand, type TransferCommand } from '../domain.ts';
import type { BatchMode } from '../generated/resolvers.ts';
import { planAhead } from '../quotes/plan-ahead.ts';
import { TRANSFER_REFUSALS, transferError, type TransferRefusal } from '../refusals.ts';
import type { ItemInput, ItemVerdict } from './batch-store.ts';
import { batchError } from './refusals.ts';

/** A key that passes: an item's own is made when it is stored. */
const NO_KEY = 'item';

/**
 * The verdicts that can be given before anything runs: items that mean nothing, or that planning refuses, by the rules of createTransfer. Whoever
 * has none is judged when its turn comes, and so are those that cannot be judged just now, or not within the time that a request may take.
 * Where all depend on each other, one refusal is everybody's.
 */
export async function judgeItems(
  deps: CreateTransferDeps,
  call: CreateTransferCall,
  { mode, items }: { mode: BatchMode; items: readonly { input: ItemInput }[] },
): Promise<ItemVerdict[]> {
  const { atOnce, judgeWithinMs } = POLICY.batches;
  const begunMs = performance.now();
  const refused: ItemVerdict[] = [];
  for (let begin = 0; begin < items.length && performance.now() - begunMs < judgeWithinMs; begin += atOnce) {
    const chunk = items.slice(begin, begin + atOnce);
    const verdicts = await Promise.all(chunk.map(({ input }) => judgeItem(deps, call, mode, input)));
    refused.push(
      ...verdicts.flatMap((userErrors, index) =>
        userErrors ? [{ number: begin + index + 1, transferId: null, userErrors }] : [],
      ),
    );
  }
  if (mode === 'EACH' || refused.length === 0) return refused;
  const found = new Map(refused.map((verdict) => [verdict.number, verdict]));
  return items.map(
    (_item, index) =>
      found.get(index + 1) ?? { number: index + 1, transferId: null, userErrors: [batchError('BATCH_REFUSED')] },
  );
}

async function judgeItem(
  deps: CreateTransferDeps,
  call: CreateTransferCall,
  mode: BatchMode,
  input: ItemInput,
): Promise<ItemVerdict['userErrors'] | null> {
  const command = parseCommand({ ...input, idempotencyKey: NO_KEY });
  if ('faults' in command) return command.faults.map(({ code, field }) => transferError(code, field));
  if (mode === 'ALL_OR_NOTHING') {
    const outside = outsideEnd(command);
    if (outside) return [transferError('FEATURE_UNAVAILABLE', outside)];
  }
  try {
    await planAhead(deps, call, command);
    return null;
  } catch (error) {
    // What is no refusal (too many unknown emails, a database that is away) says nothing of this item.
    if (!(error instanceof Refusal) || !(error.code in TRANSFER_REFUSALS)) return null;
    // The `in` above is the check that this code belongs to this subgraph.
    const refusal = transferError(error.code as TransferRefusal, error.field);
    return refusal.retryable ? null : [refusal];
  }
}

/** Where a command names what is outside of the bank; null where it does not. */
export function outsideEnd(command: TransferCommand): string[] | null {
  if (isDeposit(command)) return ['source', 'paymentMethodId'];
  if (isPayout(command)) return ['destination', command.destination.kind === 'iban' ? 'iban' : 'paymentMethodId'];
  return null;
}
