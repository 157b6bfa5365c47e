import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { occurrence, type Schedule } from './occurrences.ts';

/*
 * Occurrences against another calendar: that of Intl, which shares no code with the one that they are reckoned with. Any zone, any day of the
 * month, spans over both changes of the clocks and over leap years: exactly one occurrence for each period, at the local time, or in the
 * first moment after a gap that has swallowed it; of a time that is shown twice, at the first.
 */

const DAY_MS = 86_400_000;
const ZONES = Intl.supportedValuesOf('timeZone');
const shownBy = new Map<string, Intl.DateTimeFormat>();

/** What clocks show at a moment, YYYY-MM-DD HH:MM, and the seconds beyond. */
function clocks(timeZone: string, moment: number): { minute: string; second: string } {
  const format =
    shownBy.get(timeZone) ??
    new Intl.DateTimeFormat('en-CA', { timeZone, dateStyle: 'short', timeStyle: 'medium', hourCycle: 'h23' });
  shownBy.set(timeZone, format);
  const [day, time] = format.format(moment).split(', ');
  return { minute: `${day} ${time!.slice(0, 5)}`, second: time!.slice(6) };
}

/** The days on which an order should run, by plain counting of days as UTC has them. */
function expectedDays({ frequency, firstOn, dayOfMonth }: Schedule, count: number): string[] {
  const found: string[] = [];
  const first = Date.parse(firstOn);
  for (let ms = first; found.length < count; ms += DAY_MS) {
    const day = new Date(ms);
    const isLast = new Date(ms + DAY_MS).getUTCDate() === 1;
    const date = day.getUTCDate();
    const runs =
      frequency === 'DAILY' ||
      (frequency === 'WEEKLY' && day.getUTCDay() === new Date(first).getUTCDay()) ||
      (frequency === 'MONTHLY' && (date === dayOfMonth || (isLast && date < dayOfMonth!)));
    if (runs) found.push(day.toISOString().slice(0, 10));
  }
  return found;
}

const orders: fc.Arbitrary<Schedule> = fc
  .record({
    frequency: fc.constantFrom('DAILY' as const, 'WEEKLY' as const, 'MONTHLY' as const),
    // From 2027 to 2032: two leap years, and every change of the clocks between.
    first: fc.integer({ min: Date.UTC(2027, 0, 1) / DAY_MS, max: Date.UTC(2031, 11, 31) / DAY_MS }),
    dayOfMonth: fc.oneof(fc.constantFrom(28, 29, 30, 31), fc.integer({ min: 1, max: 31 })),
    timeZone: fc.constantFrom(...ZONES),
    // Half of them at night, where clocks change.
    minute: fc.oneof(fc.integer({ min: 0, max: 239 }), fc.integer({ min: 0, max: 1439 })),
  })
  .map(({ frequency, first, dayOfMonth, timeZone, minute }) => ({
    frequency,
    firstOn: new Date(first * DAY_MS).toISOString().slice(0, 10),
    endsOn: null,
    dayOfMonth: frequency === 'MONTHLY' ? dayOfMonth : null,
    timeZone,
    timeOfDay: new Date(minute * 60_000).toISOString().slice(11, 16),
  }));

function expectRight(order: Schedule, day: string, dueAt: number): void {
  const wanted = `${day} ${order.timeOfDay}`;
  const seen = clocks(order.timeZone, dueAt);
  if (seen.minute === wanted) {
    expect([order, seen.second]).toEqual([order, '00']);
    // Clocks go back by at most a few hours; nowhere before had they shown it.
    for (const back of [30, 60, 120, 180]) {
      expect([order, clocks(order.timeZone, dueAt - back * 60_000).minute]).not.toEqual([order, wanted]);
    }
    return;
  }
  // Swallowed by a gap: a moment before, clocks showed less, and now they show more.
  expect([order, seen.minute > wanted]).toEqual([order, true]);
  expect([order, clocks(order.timeZone, dueAt - 1).minute < wanted]).toEqual([order, true]);
}

test('there is exactly one occurrence for each period, at the local time of any zone', () => {
  fc.assert(
    fc.property(orders, (order) => {
      const days = expectedDays(order, order.frequency === 'DAILY' ? 400 : 60);
      for (const [index, day] of days.entries()) {
        expectRight(order, day, occurrence(order, index + 1)!.dueAt.getTime());
      }
    }),
    { numRuns: 60, interruptAfterTimeLimit: 20_000 },
  );
});

test.each([
  ['a gap of an hour', 'Europe/Berlin', '2027-03-27', '02:30'],
  ['an hour that is shown twice', 'America/New_York', '2027-11-06', '01:30'],
  ['a gap of half an hour', 'Australia/Lord_Howe', '2027-10-01', '02:15'],
  ['a gap at midnight', 'Africa/Cairo', '2027-04-28', '00:30'],
])('%s is met once a day', (_what, timeZone, firstOn, timeOfDay) => {
  const order: Schedule = { frequency: 'DAILY', firstOn, endsOn: null, dayOfMonth: null, timeZone, timeOfDay };
  for (const [index, day] of expectedDays(order, 4).entries()) {
    expectRight(order, day, occurrence(order, index + 1)!.dueAt.getTime());
  }
});
