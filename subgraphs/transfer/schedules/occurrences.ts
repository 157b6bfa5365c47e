import { DateTime, IANAZone } from 'luxon';

/*
 * When a standing order is due: the day and the moment of its occurrence number n, as pure functions of its terms. There is no clock in
 * here; whether a moment has come is asked of the database.
 *
 * Days are calendar days of the order's time zone. The moment is the first at which the zone's clocks show the order's time or a
 * later one of that day's reckoning: where clocks leave the time out, that is the first moment after the gap; where they show it twice,
 * the first time.
 */

/** The terms that decide when an order is due. */
export interface Schedule {
  frequency: 'ONCE' | 'DAILY' | 'WEEKLY' | 'MONTHLY';
  /** YYYY-MM-DD. */
  firstOn: string;
  /** The last day that may have one, itself counted; null: no end. */
  endsOn: string | null;
  /** Of MONTHLY; null otherwise. */
  dayOfMonth: number | null;
  /** IANA name. */
  timeZone: string;
  /** HH:MM */
  timeOfDay: string;
}

/** One time that an order is due; numbers count from 1. */
export interface Occurrence {
  number: number;
  dueAt: Date;
}

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** True for the name of a time zone, as opposed to a bare offset, which some versions of ICU take for one. */
export function isTimeZone(name: string): boolean {
  return /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/.test(name) && name.length <= 64 && IANAZone.isValidZone(name);
}

/** The calendar day of a moment where the zone's clocks are. */
export function dayIn(timeZone: string, moment: Date): string {
  return DateTime.fromJSDate(moment, { zone: timeZone }).toFormat('yyyy-MM-dd');
}

/** The day of an occurrence, whether or not the order ends before; null for a second one of ONCE. */
export function dayOf(schedule: Schedule, number: number): string | null {
  const first = parseDay(schedule.firstOn);
  const steps = number - 1;
  switch (schedule.frequency) {
    case 'ONCE':
      return steps === 0 ? schedule.firstOn : null;
    case 'DAILY':
      return first.plus({ days: steps }).toFormat('yyyy-MM-dd');
    case 'WEEKLY':
      return first.plus({ weeks: steps }).toFormat('yyyy-MM-dd');
    case 'MONTHLY': {
      const month = firstMonth(schedule).plus({ months: steps });
      return dayInMonth(month, schedule).toFormat('yyyy-MM-dd');
    }
  }
}

/** The occurrence of a number; null where the order has ended. */
export function occurrence(schedule: Schedule, number: number): Occurrence | null {
  const day = dayOf(schedule, number);
  if (day === null || (schedule.endsOn !== null && day > schedule.endsOn)) return null;
  return { number, dueAt: momentOf(day, schedule.timeOfDay, schedule.timeZone) };
}

/** The first occurrence due after a moment; null where the order has ended by then. */
export function firstAfter(schedule: Schedule, moment: Date): Occurrence | null {
  // A day earlier than the clocks say there, because a gap can move what belongs to a day beyond its end.
  const day = parseDay(dayIn(schedule.timeZone, moment)).minus({ days: 1 }).toFormat('yyyy-MM-dd');
  for (let number = Math.max(1, lastOn(schedule, day)); ; number++) {
    const found = occurrence(schedule, number);
    if (!found || found.dueAt > moment) return found;
  }
}

/** How many occurrences there are up to a day, itself counted: the number of the last one; 0 for none. */
export function lastOn(schedule: Schedule, day: string): number {
  const end = schedule.endsOn !== null && schedule.endsOn < day ? schedule.endsOn : day;
  if (end < schedule.firstOn) return 0;
  const days = Math.round((parseDay(end).toMillis() - parseDay(schedule.firstOn).toMillis()) / DAY_MS);
  switch (schedule.frequency) {
    case 'ONCE':
      return 1;
    case 'DAILY':
      return days + 1;
    case 'WEEKLY':
      return Math.floor(days / 7) + 1;
    case 'MONTHLY': {
      const last = parseDay(end);
      const first = firstMonth(schedule);
      const months = (last.year - first.year) * 12 + last.month - first.month;
      const reached = dayInMonth(first.plus({ months }), schedule) <= last;
      return Math.max(0, reached ? months + 1 : months);
    }
  }
}

/** What is to be done with an order that was found due. */
export interface Claim {
  /** The one to make. */
  due: Occurrence;
  /** Earlier ones whose time went by while nobody looked, oldest first. */
  missed: Occurrence[];
  /** When it is due again. */
  next: Occurrence | null;
}

/**
 * Whoever finds an order due makes the newest occurrence that is, however late; those before it were missed. `next` is the one that the
 * order waits for. At most `mostMissed` of the missed are told, the newest.
 */
export function claim(schedule: Schedule, next: Occurrence, now: Date, mostMissed: number): Claim {
  const following = firstAfter(schedule, now);
  const newest = following ? following.number - 1 : lastOn(schedule, dayIn(schedule.timeZone, now));
  // What the order waits for is due because the database has said so, whatever today's rules of the zone make of it.
  const number = Math.max(newest, next.number);
  const due = number === next.number ? next : occurrence(schedule, number)!;
  const missed = between(schedule, next, number, mostMissed);
  return { due, missed, next: occurrence(schedule, number + 1) };
}

/** The occurrences from one on to another, which is not among them; the newest `most` of them, oldest first. */
export function between(schedule: Schedule, from: Occurrence, to: number, most: number): Occurrence[] {
  const found: Occurrence[] = [];
  for (let number = Math.max(from.number, to - most); number < to; number++) {
    found.push(number === from.number ? from : occurrence(schedule, number)!);
  }
  return found;
}

function parseDay(day: string): DateTime {
  return DateTime.fromISO(day, { zone: 'utc' });
}

/** The first of the month whose day is not before firstOn. */
function firstMonth(schedule: Schedule): DateTime {
  const first = parseDay(schedule.firstOn);
  const month = first.startOf('month');
  return dayInMonth(month, schedule) < first ? month.plus({ months: 1 }) : month;
}

/** The order's day in a month, which is the last one where the month is too short. */
function dayInMonth(month: DateTime, { dayOfMonth }: Schedule): DateTime {
  return month.set({ day: Math.min(dayOfMonth!, month.daysInMonth!) });
}

/** The first moment at which a zone's clocks show this time of this day, or have jumped over it. */
export function momentOf(day: string, timeOfDay: string, timeZone: string): Date {
  const zone = IANAZone.create(timeZone);
  // What the clocks show, written as if it were UTC.
  const shownMs = Date.parse(`${day}T${timeOfDay}:00.000Z`);
  const offsetAt = (ms: number) => zone.offset(ms) * MINUTE_MS;
  // Offsets go from -12 to +14 hours, so these are the one before and the one after any change that can matter.
  const offsets = [offsetAt(shownMs - DAY_MS), offsetAt(shownMs + DAY_MS)];
  const candidates = offsets.map((offset) => shownMs - offset).sort((a, b) => a - b);
  const shown = candidates.find((ms) => ms + offsetAt(ms) === shownMs);
  if (shown !== undefined) return new Date(shown);
  // A gap: somewhere between the two the clocks jump. The first moment at which they show more is the first after it.
  let [before, after] = [candidates[0]!, candidates[1]!];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (middle + offsetAt(middle) >= shownMs) after = middle;
    else before = middle;
  }
  return new Date(after);
}
