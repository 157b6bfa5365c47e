import { addDays, dayOf, startOf } from '../../platform/days.ts';

/** Days (YYYY-MM-DD) and months (YYYY-MM) of the calendar in UTC, years 1 to 9999. */

/** The month a day is in. */
export function monthOf(day: string): string {
  return day.slice(0, 7);
}

/** A month so many months away, before for negative ones. */
export function addMonths(month: string, count: number): string {
  return writeMonth(indexOf(month) + count);
}

/** Every month from one to another, both included. */
export function monthsBetween(first: string, last: string): string[] {
  const start = indexOf(first);
  return Array.from({ length: Math.max(0, indexOf(last) - start + 1) }, (_, count) => writeMonth(start + count));
}

/** The last day of a month. */
export function lastDayOf(month: string): string {
  const last = new Date(0);
  // Day 0 of the next month; Date.UTC would take the years before 100 for those of the 20th century.
  last.setUTCFullYear(Number(month.slice(0, 4)), Number(month.slice(5)), 0);
  return dayOf(last);
}

/** The day so many days away, but not before the calendar begins. */
export function addDaysTo(day: string, days: number): string {
  const moment = addDays(startOf(day), days);
  return moment.getTime() < FIRST_DAY_MS ? FIRST_DAY : dayOf(moment);
}

const FIRST_DAY = '0001-01-01';
const FIRST_DAY_MS = startOf(FIRST_DAY).getTime();

/** The same day so many months later, or the last day of a shorter month. */
export function addMonthsTo(day: string, months: number): string {
  const month = addMonths(monthOf(day), months);
  const [same, last] = [`${month}${day.slice(7)}`, lastDayOf(month)];
  return same < last ? same : last;
}

function indexOf(month: string): number {
  return Number(month.slice(0, 4)) * 12 + Number(month.slice(5)) - 1;
}

function writeMonth(index: number): string {
  const year = Math.floor(index / 12);
  return `${String(year).padStart(4, '0')}-${String(index - year * 12 + 1).padStart(2, '0')}`;
}
