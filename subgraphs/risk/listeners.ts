import { readSpending } from '../../ledger/limits.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Queryable } from '../../platform/db.ts';
import type { Listener } from '../../platform/event-listeners.ts';
import { appendEvents } from '../../platform/event-log.ts';
import type { EventPayloads } from '../../platform/events.ts';
import { newId, type AlertId } from '../../platform/ids.ts';
import { raiseAlerts, type NewAlert } from './alert-store.ts';
import { findAlerts } from './find-alerts.ts';
import { appliedLimits } from './limits.ts';
import { markUndone, readFactors } from './store.ts';

type Transfer = EventPayloads['TransferCompleted'];

/**
 * Tells customers of what is unusual about a transfer of theirs, after it was posted: reads what was found before, stores each
 * alert once, and appends RiskAlertRaised in the same transaction.
 */
export function createAlertsListener({ clock }: { clock: Clock }): Listener<'TransferCompleted'> {
  return {
    name: 'risk.alerts',
    types: ['TransferCompleted'],
    async handle(events, tx, appended) {
      const toOthers = events
        .map(({ payload }) => payload)
        .filter(
          ({ type, senderId, recipientId }) => type !== 'DEPOSIT' && type !== 'EXCHANGE' && senderId !== recipientId,
        );
      if (toOthers.length === 0) return;
      const found = await findAll(tx, toOthers, clock.now());
      if (found.length === 0) return;
      const raised = await raiseAlerts(tx, found);
      if (raised.length === 0) return;
      await appendEvents(
        tx,
        raised.map(({ id, userId, createdAt }) => ({
          type: 'RiskAlertRaised',
          key: id,
          payload: { alertId: id, userId, at: createdAt },
        })),
      );
      appended();
    },
  };
}

/** What came to nothing after it was assessed, as a payout that was refused or cancelled, is nothing to compare later transfers with. */
export function createUndoneListener(): Listener<'TransferFailed'> {
  return {
    name: 'risk.undone',
    types: ['TransferFailed'],
    handle: (events, tx) =>
      markUndone(
        tx,
        events.map(({ payload }) => payload.transferId),
      ),
  };
}

async function findAll(tx: Queryable, transfers: readonly Transfer[], now: Date): Promise<NewAlert[]> {
  const factors = await readFactors(
    tx,
    transfers.map(({ transferId }) => transferId),
  );
  const spending = await readSpending(tx, [...new Set(transfers.map(({ senderId }) => senderId))]);
  const today = utcDay(now.toISOString());
  return transfers.flatMap((transfer) => {
    const { transferId, senderId, at } = transfer;
    // Counters are of today: of a transfer of another day, handled again, they say nothing.
    const limits = utcDay(at) === today ? appliedLimits(spending.get(senderId) ?? []) : [];
    return findAlerts(transfer, factors.get(transferId) ?? [], limits).map((alert) => ({
      ...alert,
      id: newId<AlertId>(),
      userId: senderId,
      transferId,
      createdAt: at,
    }));
  });
}

function utcDay(rfc3339: string): string {
  return rfc3339.slice(0, 'YYYY-MM-DD'.length);
}
