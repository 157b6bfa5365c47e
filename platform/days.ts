import { codedError } from './graph-errors.ts';

/** Calendar days in UTC, as the graph's scalar Date writes them (YYYY-MM-DD). */

const DAY_MS = 86_400_000;
/** Ten years with their leap days: nobody compares more at once. */
const MAX_DAYS = 3_653;

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** True for a day that exists, in its one spelling. */
export function isDay(text: string): boolean {
  const parsed = new Date(`${text}T00:00:00Z`);
  return DAY.test(text) && !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(text);
}

/** The day that a moment falls on. */
export function dayOf(moment: Date): string {
  return moment.toISOString().slice(0, 10);
}

/** The moment a day begins. */
export function startOf(day: string): Date {
  return new Date(`${day}T00:00:00.000Z`);
}

/** The moment a day has ended: the beginning of the next one. */
export function endOf(day: string): Date {
  return new Date(startOf(day).getTime() + DAY_MS);
}

/** A moment so many days away, before for negative ones. */
export function addDays(moment: Date, days: number): Date {
  return new Date(moment.getTime() + days * DAY_MS);
}

/** How many days later the second day is; negative when it is earlier. */
export function daysBetween(from: string, to: string): number {
  return Math.round((startOf(to).getTime() - startOf(from).getTime()) / DAY_MS);
}

/** The number of days from the first to the last, both counted. Refuses a range that is empty or longer than ten years. */
export function countDays(from: string, to: string): number {
  const days = daysBetween(from, to) + 1;
  if (days < 1) throw codedError('BAD_USER_INPUT', '"from" must not be after "to".');
  if (days > MAX_DAYS) throw codedError('BAD_USER_INPUT', '"from" and "to" may be at most ten years apart.');
  return days;
}
