import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { IANAZone } from 'luxon';
import { claim, dayOf, firstAfter, isTimeZone, lastOn, momentOf, occurrence, type Schedule } from './occurrences.ts';

const HOUR_MS = 3_600_000;
const ZONES = [
  ...Intl.supportedValuesOf('timeZone'),
  'UTC',
  'Europe/Kyiv',
  'Asia/Kolkata',
  'Etc/GMT+12',
  'Pacific/Kiritimati',
];

const schedule = (terms: Partial<Schedule> = {}): Schedule => ({
  frequency: 'MONTHLY',
  firstOn: '2027-01-31',
  endsOn: null,
  dayOfMonth: terms.frequency === undefined || terms.frequency === 'MONTHLY' ? 31 : null,
  timeZone: 'UTC',
  timeOfDay: '06:00',
  ...terms,
});

const days = (terms: Partial<Schedule>, count: number) =>
  Array.from({ length: count }, (_, index) => dayOf(schedule(terms), index + 1));

const at = (day: string, time: string, zone: string) => momentOf(day, time, zone).toISOString();

/** Every change of a zone's clocks in 2027: the first moment of the new offset. No zone changes twice within five days. */
function changes(timeZone: string): { at: number; before: number; after: number }[] {
  const zone = IANAZone.create(timeZone);
  const found = [];
  const step = 120 * HOUR_MS;
  for (let ms = Date.UTC(2027, 0, 1); ms < Date.UTC(2028, 0, 1); ms += step) {
    const [before, after] = [zone.offset(ms), zone.offset(ms + step)];
    if (before === after) continue;
    let [low, high] = [ms, ms + step];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (zone.offset(middle) === before) low = middle;
      else high = middle;
    }
    found.push({ at: high, before, after });
  }
  return found;
}

const shown = (ms: number) => new Date(ms).toISOString();
/** Day and time of what clocks show, written as if it were UTC. */
const reading = (ms: number): [string, string] => [shown(ms).slice(0, 10), shown(ms).slice(11, 16)];

describe('the day of an occurrence', () => {
  test('on the 31st is the last day of shorter months, and the 31st again after them', () => {
    expect(days({}, 5)).toEqual(['2027-01-31', '2027-02-28', '2027-03-31', '2027-04-30', '2027-05-31']);
  });

  test('on the 29th and 30th is the last of February, also in leap years', () => {
    expect(days({ firstOn: '2027-12-29', dayOfMonth: 29 }, 4).slice(2)).toEqual(['2028-02-29', '2028-03-29']);
    expect(days({ firstOn: '2027-12-30', dayOfMonth: 30 }, 4).slice(2)).toEqual(['2028-02-29', '2028-03-30']);
    expect(days({ firstOn: '2027-01-29', dayOfMonth: 29 }, 3)).toEqual(['2027-01-29', '2027-02-28', '2027-03-29']);
  });

  test('of a month is never before the first day', () => {
    expect(days({ firstOn: '2027-02-28', dayOfMonth: 31 }, 2)).toEqual(['2027-02-28', '2027-03-31']);
    expect(days({ firstOn: '2027-01-15', dayOfMonth: 1 }, 2)).toEqual(['2027-02-01', '2027-03-01']);
    expect(days({ firstOn: '2027-01-15', dayOfMonth: 20 }, 2)).toEqual(['2027-01-20', '2027-02-20']);
  });

  test('goes on day by day and week by week over the ends of months and years', () => {
    expect(days({ frequency: 'DAILY', firstOn: '2028-02-28' }, 3)).toEqual(['2028-02-28', '2028-02-29', '2028-03-01']);
    expect(days({ frequency: 'WEEKLY', firstOn: '2027-12-25' }, 3)).toEqual(['2027-12-25', '2028-01-01', '2028-01-08']);
    expect(days({ frequency: 'ONCE', firstOn: '2027-12-25' }, 2)).toEqual(['2027-12-25', null]);
  });

  test('may be the last day of an order, and none is after it', () => {
    const daily = schedule({
      frequency: 'DAILY',
      firstOn: '2027-03-01',
      endsOn: '2027-03-02',
      timeZone: 'Pacific/Kiritimati',
    });
    expect(occurrence(daily, 2)!.dueAt.toISOString()).toBe('2027-03-01T16:00:00.000Z');
    expect(occurrence(daily, 3)).toBeNull();
  });
});

describe('the moment of an occurrence', () => {
  test('that the clocks leave out is the first after the gap', () => {
    expect(at('2027-03-28', '02:30', 'Europe/Berlin')).toBe('2027-03-28T01:00:00.000Z');
    expect(at('2027-03-14', '02:00', 'America/New_York')).toBe('2027-03-14T07:00:00.000Z');
    // Half an hour only, and a day that never was.
    expect(at('2026-10-04', '02:15', 'Australia/Lord_Howe')).toBe('2026-10-03T15:30:00.000Z');
    expect(at('2011-12-30', '06:00', 'Pacific/Apia')).toBe('2011-12-30T10:00:00.000Z');
  });

  test('that the clocks show twice is the earlier', () => {
    expect(at('2027-10-31', '02:30', 'Europe/Berlin')).toBe('2027-10-31T00:30:00.000Z');
    expect(at('2027-11-07', '01:00', 'America/New_York')).toBe('2027-11-07T05:00:00.000Z');
  });

  test('is right around every change of the clocks, in every zone', () => {
    let seen = 0;
    for (const timeZone of ZONES) {
      const zone = IANAZone.create(timeZone);
      for (const change of changes(timeZone)) {
        seen++;
        const [low, high] = [
          change.at + Math.min(change.before, change.after) * 60_000,
          change.at + Math.max(change.before, change.after) * 60_000,
        ];
        for (let local = low - 2 * HOUR_MS; local <= high + 2 * HOUR_MS; local += 30 * 60_000) {
          const due = momentOf(...reading(local), timeZone).getTime();
          const offset = (ms: number) => zone.offset(ms) * 60_000;
          if (change.after > change.before && local >= low && local < high) {
            expect([timeZone, shown(local), shown(due)]).toEqual([timeZone, shown(local), shown(change.at)]);
          } else {
            expect([timeZone, shown(local), shown(due + offset(due))]).toEqual([timeZone, shown(local), shown(local)]);
            // No earlier moment of the day before shows the same.
            const repeated = change.after < change.before && local >= low && local < high;
            if (repeated) expect([timeZone, shown(local), due < change.at]).toEqual([timeZone, shown(local), true]);
          }
        }
      }
    }
    expect(seen).toBeGreaterThan(200);
  });
});

const terms: fc.Arbitrary<Schedule> = fc
  .record({
    frequency: fc.constantFrom('ONCE', 'DAILY', 'WEEKLY', 'MONTHLY'),
    first: fc.integer({ min: Date.UTC(2026, 0, 1) / 86_400_000, max: Date.UTC(2028, 11, 31) / 86_400_000 }),
    length: fc.option(fc.integer({ min: 0, max: 400 })),
    dayOfMonth: fc.integer({ min: 1, max: 31 }),
    timeZone: fc.constantFrom(...ZONES),
    minute: fc.integer({ min: 0, max: 1439 }),
  })
  .map(({ frequency, first, length, dayOfMonth, timeZone, minute }) => ({
    frequency: frequency,
    firstOn: shown(first * 86_400_000).slice(0, 10),
    endsOn: length === null ? null : shown((first + length) * 86_400_000).slice(0, 10),
    dayOfMonth: frequency === 'MONTHLY' ? dayOfMonth : null,
    timeZone,
    timeOfDay: shown(minute * 60_000).slice(11, 16),
  }));

describe('occurrences', () => {
  test('come one after the other, none twice', () => {
    fc.assert(
      fc.property(terms, fc.integer({ min: 1, max: 800 }), (order, number) => {
        const [one, next] = [occurrence(order, number), occurrence(order, number + 1)];
        if (one && next) expect(next.dueAt.getTime()).toBeGreaterThan(one.dueAt.getTime());
        if (!one) expect(next).toBeNull();
      }),
    );
  });

  test('after a moment are found as by counting', () => {
    fc.assert(
      fc.property(
        terms,
        fc.integer({ min: -40, max: 900 }),
        fc.integer({ min: 0, max: 86_399 }),
        (order, day, second) => {
          const moment = new Date(Date.parse(`${order.firstOn}T00:00:00Z`) + day * 86_400_000 + second * 1000);
          let number = 1;
          while ((occurrence(order, number)?.dueAt ?? Infinity) <= moment) number++;
          expect(firstAfter(order, moment)).toEqual(occurrence(order, number));
        },
      ),
      { numRuns: 200 },
    );
  });

  test('up to a day are counted as they come', () => {
    fc.assert(
      fc.property(terms, fc.integer({ min: -40, max: 900 }), (order, after) => {
        const day = shown(Date.parse(`${order.firstOn}T00:00:00Z`) + after * 86_400_000).slice(0, 10);
        let count = 0;
        while (occurrence(order, count + 1) && dayOf(order, count + 1)! <= day) count++;
        expect(lastOn(order, day)).toBe(count);
      }),
      { numRuns: 200 },
    );
  });
});

describe('an order that is found due', () => {
  const daily = schedule({ frequency: 'DAILY', firstOn: '2027-03-01' });
  const claimAt = (order: Schedule, next: number, now: string, most = 10) => {
    const { due, missed, next: following } = claim(order, occurrence(order, next)!, new Date(now), most);
    return [due.number, missed.map(({ number }) => number), following?.number ?? null];
  };

  test('makes the occurrence that it waited for', () => {
    expect(claimAt(daily, 3, '2027-03-03T06:00:00Z')).toEqual([3, [], 4]);
  });

  test('after days of nobody looking makes the newest, and the others were missed', () => {
    expect(claimAt(daily, 3, '2027-03-07T05:59:59Z')).toEqual([6, [3, 4, 5], 7]);
    expect(claimAt(daily, 3, '2027-03-07T06:00:00Z', 2)).toEqual([7, [5, 6], 8]);
  });

  test('that has ended meanwhile makes its last one', () => {
    expect(claimAt({ ...daily, endsOn: '2027-03-05' }, 3, '2027-04-01T00:00:00Z')).toEqual([5, [3, 4], null]);
    expect(claimAt({ ...daily, frequency: 'ONCE' }, 1, '2027-04-01T00:00:00Z')).toEqual([1, [], null]);
  });
});

describe('a time zone', () => {
  test('is an IANA name and nothing else', () => {
    expect(
      ['Europe/Berlin', 'UTC', 'Asia/Kolkata', 'America/Argentina/Buenos_Aires', 'Etc/GMT+12'].every(isTimeZone),
    ).toBe(true);
    expect(
      ['', '+01:00', 'Europe/Nowhere', 'utc+1', ' UTC', 'Europe/Berlin\n', 'local', 'A/'.repeat(40)].some(isTimeZone),
    ).toBe(false);
  });
});
