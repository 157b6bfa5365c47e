import type { Listener } from '../../platform/event-listeners.ts';
import { recordOutgoing } from './store.ts';

/** Keeps what customers send to others; what moves between a customer's own accounts is no history of risk. */
export const outgoingTransfers: Listener<'TransferCompleted'> = {
  name: 'risk.outgoing-transfers',
  types: ['TransferCompleted'],
  async handle(events, tx) {
    const toOthers = events
      .map(({ payload }) => payload)
      .filter(({ senderId, recipientId }) => senderId !== recipientId);
    if (toOthers.length > 0) await recordOutgoing(tx, toOthers);
  },
};
