import type { Queryable } from '../../platform/db.ts';
import type { NewEvent } from '../../platform/event-log.ts';
import type { ImportedLine } from '../../platform/events.ts';
import { newId, type ExternalTransactionId } from '../../platform/ids.ts';
import { Refusal } from '../../platform/refusal.ts';
import { insertExternalTransactions, type NewExternalTransaction } from './external-transaction-store.ts';
import { synced } from './link-payment-method.ts';
import { updatePaymentMethod, type StoredPaymentMethod } from './payment-method-store.ts';
import type { WalletRefusal } from './refusals.ts';
import type { Statement } from './statements/statement.ts';

/** So many lines one payment method may have: decades of a busy account. */
export const MAX_LINES_OF_METHOD = 200_000;
/** So many lines travel in one event. */
const LINES_PER_EVENT = 200;

/**
 * Adds the lines of a statement to a payment method that is locked; those it has already are passed over. Balance and lastSync move
 * only when the file is newer than every one before it: told up to a later moment, or up to the same one with something new.
 * Returns the events to be appended; `announce` tells the balance even when it has not moved.
 */
export async function importStatement(
  tx: Queryable,
  {
    method,
    statement,
    announce,
    now,
  }: { method: StoredPaymentMethod; statement: Statement; announce: boolean; now: Date },
): Promise<NewEvent[]> {
  const lines = statement.lines.map((line): NewExternalTransaction => ({
    ...line,
    id: newId<ExternalTransactionId>(),
  }));
  const added = await insertExternalTransactions(tx, method.id, lines);
  let after = { ...method, lines: method.lines + added.size };
  if (after.lines > MAX_LINES_OF_METHOD) {
    throw new Refusal<WalletRefusal>('TOO_MANY_EXTERNAL_TRANSACTIONS', ['statement']);
  }
  const newer = isNewer(method, statement, added.size);
  if (newer) {
    after.lastSync = now;
    after.seenAsOf = statement.asOf;
    if (statement.balanceMinor !== null) {
      after.balanceMinor = statement.balanceMinor;
      after.balanceAsOf = statement.asOf;
    }
  }
  if (newer || added.size > 0) after = await updatePaymentMethod(tx, after);
  const newLines = lines.filter(({ id }) => added.has(id));
  const events = importedEvents(after, statement.currency, newLines);
  return newer || announce ? [...events, synced(after)] : events;
}

function isNewer({ seenAsOf, balanceMinor }: StoredPaymentMethod, statement: Statement, added: number): boolean {
  if (!seenAsOf || statement.asOf > seenAsOf) return true;
  if (statement.asOf < seenAsOf) return false;
  return added > 0 || (statement.balanceMinor !== null && statement.balanceMinor !== balanceMinor);
}

function importedEvents(
  { id, ownerId, changedAt }: StoredPaymentMethod,
  currency: string,
  lines: readonly NewExternalTransaction[],
): NewEvent[] {
  const imported = lines.map(
    ({
      id: externalTransactionId,
      amountMinor,
      description,
      counterparty,
      bookedOn,
      merchantCategory,
    }): ImportedLine => ({
      externalTransactionId,
      amountMinor: String(amountMinor),
      description,
      counterparty,
      bookedOn,
      merchantCategory,
    }),
  );
  const events: NewEvent[] = [];
  for (let at = 0; at < imported.length; at += LINES_PER_EVENT) {
    const part = imported.slice(at, at + LINES_PER_EVENT);
    const payload = { paymentMethodId: id, ownerId, currency, lines: part, at: changedAt.toISOString() };
    events.push({ type: 'ExternalTransactionsImported', key: id, payload });
  }
  return events;
}
