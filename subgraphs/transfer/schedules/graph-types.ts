import type { ScheduleId, TransferId, UserId } from '../../../platform/ids.ts';
import type { Money } from '../../../platform/money.ts';
import type { Preference } from '../../../providers/registry.ts';
import type { EndInput } from '../domain.ts';
import type { OccurrenceStatus, OnInsufficientFunds, StandingOrderStatus } from '../generated/resolvers.ts';
import type { Schedule } from './occurrences.ts';

/** What an order asks createTransfer for, each time. */
export interface OrderedTransfer {
  /** As the customer named them: one field each. */
  source: EndInput;
  destination: EndInput;
  amount: Money;
  description: string | null;
  preference: Preference;
}

/** A standing order as it is stored. Whoever has one in hand has made sure that the viewer may see it. */
export interface StandingOrderParent extends OrderedTransfer, Schedule {
  id: ScheduleId;
  userId: UserId;
  status: StandingOrderStatus;
  onInsufficientFunds: OnInsufficientFunds;
  /** The first occurrence that has not been due yet. */
  nextNumber: number;
  /** Null unless ACTIVE. */
  nextDueAt: Date | null;
  createdAt: Date;
}

/** An occurrence as it is stored. */
export interface OccurrenceParent {
  number: number;
  dueAt: Date;
  status: OccurrenceStatus;
  attempt: number;
  /** This attempt does not begin before. */
  runAfter: Date;
  transferId: TransferId | null;
  code: string | null;
}
