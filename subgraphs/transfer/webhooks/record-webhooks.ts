import type { Listener } from '../../../platform/event-listeners.ts';
import type { BalanceChange, StoredEvent } from '../../../platform/events.ts';
import type { TransferId, UserId } from '../../../platform/ids.ts';
import { formatAmount } from '../../../platform/money.ts';
import type { Queryable } from '../../../platform/db.ts';
import type { TransferParent } from '../graph-types.ts';
import { asOf } from '../transfer-updated.ts';
import { recordDeliveries, type NewDelivery } from './delivery-store.ts';
import type { WebhookEventType } from './event-types.ts';
import { activeEndpointsOf, transfersWithEndpoints } from './webhook-store.ts';

const TRANSFER_EVENTS = [
  'DepositStarted',
  'PayoutStarted',
  'TransferAdvanced',
  'TransferCompleted',
  'TransferFailed',
  'TransferReversed',
] as const;
type Told = (typeof TRANSFER_EVENTS)[number] | 'EntryPosted' | 'HoldChanged' | 'RiskAlertRaised';

export interface RecordWebhooksDeps {
  store: { findTransfers(ids: readonly TransferId[]): Promise<(TransferParent | null)[]> };
}

/** Something to tell some customers, before it is known who listens. */
type News = Omit<NewDelivery, 'endpointId'> & { ownerId: UserId; recordedAt: Date };

/**
 * Writes down what is to be told to whose addresses, in the transaction of its cursor: nothing is lost and nothing recorded twice,
 * because each event has an id of its own. A transfer is told step by step, each as it was then, whatever it is by now.
 */
export function createWebhooksListener({ store }: RecordWebhooksDeps): Listener<Told> {
  return {
    name: 'transfer.webhooks',
    types: [...TRANSFER_EVENTS, 'EntryPosted', 'HoldChanged', 'RiskAlertRaised'],
    async handle(events, tx) {
      const news = events.flatMap(newsOfOne);
      const transfers = await newsOfTransfers(tx, store, events);
      await tell(tx, [...news, ...transfers]);
    },
  };
}

async function tell(tx: Queryable, news: readonly News[]): Promise<void> {
  if (news.length === 0) return;
  const endpoints = await activeEndpointsOf(tx, [...new Set(news.map(({ ownerId }) => ownerId))]);
  await recordDeliveries(
    tx,
    news.flatMap(({ ownerId, recordedAt, ...delivery }) =>
      endpoints
        // This listener may be behind: what was before an address is not told to it.
        .filter(({ createdAt }) => createdAt <= recordedAt)
        .filter((endpoint) => endpoint.ownerId === ownerId && endpoint.eventTypes.includes(delivery.type))
        .map(({ id }) => ({ endpointId: id, ...delivery })),
    ),
  );
}

function newsOfOne(event: StoredEvent<Told>): News[] {
  switch (event.type) {
    case 'EntryPosted':
    case 'HoldChanged':
      return event.payload.changes.map((change) => toBalanceNews(change, event.at));
    case 'RiskAlertRaised': {
      const { alertId, userId, at } = event.payload;
      return [
        { ownerId: userId, eventId: alertId, type: 'RISK_ALERT_RAISED', data: { alertId }, at, recordedAt: event.at },
      ];
    }
    case 'DepositStarted':
    case 'PayoutStarted':
    case 'TransferAdvanced':
    case 'TransferCompleted':
    case 'TransferFailed':
    case 'TransferReversed':
      return [];
  }
}

/** The id of a version of a balance, as in balanceUpdated. */
function toBalanceNews(change: BalanceChange, recordedAt: Date): News {
  const { accountId, ownerId, currency, version, posted, held, overdraft, at, postingId, amountMinor } = change;
  const money = (minor: bigint) => ({ amount: formatAmount(minor, currency), currency });
  const [postedMinor, heldMinor] = [BigInt(posted), BigInt(held)];
  const data = {
    accountId,
    balance: {
      posted: money(postedMinor),
      held: money(heldMinor),
      available: money(postedMinor - heldMinor + BigInt(overdraft)),
      version,
      asOf: at,
    },
    cause: postingId && {
      id: postingId,
      type: change.lineType,
      amount: money(BigInt(amountMinor)),
      description: change.description,
      counterparty: change.counterparty,
    },
  };
  return { ownerId, eventId: `${accountId}:${version}`, type: 'BALANCE_UPDATED', data, at, recordedAt };
}

async function newsOfTransfers(
  tx: Queryable,
  store: RecordWebhooksDeps['store'],
  events: readonly StoredEvent<Told>[],
): Promise<News[]> {
  const recorded = new Map(events.flatMap((event) => transferOf(event).map((id) => [id, event.at] as const)));
  if (recorded.size === 0) return [];
  // Most transfers are nobody's who listens, and are not read.
  const heard = await transfersWithEndpoints(tx, [...recorded.keys()]);
  const transfers = heard.length > 0 ? await store.findTransfers(heard) : [];
  return transfers.flatMap((transfer) => (transfer ? stepsOf(transfer, recorded.get(transfer.id)!) : []));
}

/** The transfer that has taken a step. Of entries and holds the balances are told. */
function transferOf(event: StoredEvent<Told>): TransferId[] {
  switch (event.type) {
    case 'EntryPosted':
    case 'HoldChanged':
    case 'RiskAlertRaised':
      return [];
    case 'DepositStarted':
    case 'PayoutStarted':
    case 'TransferAdvanced':
    case 'TransferCompleted':
    case 'TransferFailed':
    case 'TransferReversed':
      return [event.payload.transferId];
  }
}

function stepsOf(transfer: TransferParent, recordedAt: Date): News[] {
  const owners = [...new Set([transfer.source.ownerId, transfer.destination.ownerId])].filter((id) => id !== null);
  return transfer.timeline.flatMap(({ at }, index) => {
    const then = asOf(transfer, index + 1);
    return owners.map((ownerId) => ({
      ownerId,
      eventId: transferEventId(then),
      type: 'TRANSFER_UPDATED' satisfies WebhookEventType,
      data: { transfer: toData(then, ownerId) },
      at: at.toISOString(),
      recordedAt,
    }));
  });
}

/** Names a state of a transfer: its steps only ever grow. */
export function transferEventId({ id, timeline }: Pick<TransferParent, 'id' | 'timeline'>): string {
  return `${id}:${timeline.length}`;
}

/** What one end may read of a transfer: of the other end, only its label. */
function toData(transfer: TransferParent, ownerId: UserId): object {
  const { id, type, status, amount, destinationAmount, feesMinor, description, failureCode, timeline } = transfer;
  const money = ({ amountMinor, currency }: TransferParent['amount']) => ({
    amount: formatAmount(amountMinor, currency),
    currency,
  });
  const end = (of: TransferParent['source']) => ({
    label: of.label,
    ...(of.ownerId === ownerId && { accountId: of.accountId, paymentMethodId: of.paymentMethodId }),
  });
  return {
    id,
    type,
    status,
    amount: money(amount),
    destinationAmount: money(destinationAmount),
    exchangeRate: transfer.exchangeRate,
    fees: money({ amountMinor: feesMinor, currency: amount.currency }),
    source: end(transfer.source),
    destination: end(transfer.destination),
    description,
    failureCode,
    timeline,
    createdAt: transfer.createdAt,
    updatedAt: transfer.updatedAt,
  };
}
