import { Refusal, type RefusalMeaning } from '../../../platform/refusal.ts';
import { TRANSFER_REFUSALS, type TransferRefusal } from '../refusals.ts';

/** Every code of this room's own; beside them stand those of createTransfer, for what both take. */
export type ScheduleRefusal =
  | 'INVALID_TIME_ZONE'
  | 'INVALID_TIME_OF_DAY'
  | 'INVALID_DAY_OF_MONTH'
  | 'INVALID_FIRST_DAY'
  | 'INVALID_LAST_DAY'
  | 'TOO_MANY_STANDING_ORDERS'
  | 'STANDING_ORDER_NOT_FOUND'
  | 'STANDING_ORDER_ENDED';

const never = (message: string): RefusalMeaning => ({ message, retryable: false });

export const SCHEDULE_REFUSALS: Record<ScheduleRefusal, RefusalMeaning> = {
  INVALID_TIME_ZONE: never('There is no such time zone. Name one of the IANA database, for example "Europe/Berlin".'),
  INVALID_TIME_OF_DAY: never('The time of day must be HH:MM, from 00:00 to 23:59.'),
  INVALID_DAY_OF_MONTH: never('The day of the month must be 1 to 31, and is for MONTHLY only.'),
  INVALID_FIRST_DAY: never('The first day must be today or later in its time zone, and at most five years ahead.'),
  INVALID_LAST_DAY: never('There would be no occurrence up to this last day.'),
  TOO_MANY_STANDING_ORDERS: never('You have as many standing orders and scheduled transfers as there may be.'),
  STANDING_ORDER_NOT_FOUND: never('There is no such standing order.'),
  STANDING_ORDER_ENDED: never('This standing order has ended.'),
};

/** What the mutations of this room may refuse with. */
export const REFUSED: Record<ScheduleRefusal | TransferRefusal, RefusalMeaning> = {
  ...TRANSFER_REFUSALS,
  ...SCHEDULE_REFUSALS,
};

/** A refusal of this room: only its own codes fit. */
export function refuseSchedule(code: ScheduleRefusal, field?: readonly string[]): Refusal<ScheduleRefusal> {
  return new Refusal(code, field);
}
