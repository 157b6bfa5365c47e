import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CURRENCIES, isAsset } from '../../platform/money.ts';
import { embeddedRates } from '../../providers/rates/embedded-rates.ts';
import { createPackageRates } from '../../providers/rates/package-rates.ts';
import type { RateSheet } from '../../providers/rates/rate-source.ts';
import { checkRates, type LastGoodDay, type RatesVerdict } from './check-rates.ts';

/** Real days; the corrupt one is the day before the good one of December. */
let november: RateSheet;
let corrupt: RateSheet;
let today: RateSheet;
/** What the day before should have said: the same as the day after it. */
let dayBefore: RateSheet;

beforeAll(async () => {
  november = await createPackageRates('currency-api-2025-11-01').read();
  corrupt = await createPackageRates('currency-api-2025-12-06').read();
  today = await createPackageRates('currency-api-2025-12-07').read();
  dayBefore = { ...today, date: '2025-12-06' };
});

/** What is known after a sheet was believed. */
function goodDay(sheet: RateSheet, last: LastGoodDay | null = null): LastGoodDay {
  const verdict = checkRates(sheet, { last, today: sheet.date });
  if (verdict.outcome !== 'GOOD') throw new Error(`${sheet.date} is ${JSON.stringify(verdict)}`);
  // What is missing stands nowhere, as in the tables.
  const doubtful = [...verdict.doubtful.keys()].filter((code) => verdict.perUsd[code] !== undefined);
  return { date: sheet.date, perUsd: verdict.perUsd, doubtful: new Set(doubtful) };
}

/** Judges today's sheet with some of its rates changed, in every file alike unless they are taken away; null takes one away. */
function judge(
  changes: Record<string, (rate: number) => number | string | null>,
  { last = goodDay(dayBefore), sheet = today }: { last?: LastGoodDay | null; sheet?: RateSheet } = {},
): RatesVerdict {
  const change = (rates: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(rates).flatMap(([code, rate]) => {
        const changed = changes[code] ? changes[code](Number(rate)) : rate;
        return changed === null ? [] : [[code, String(changed)]];
      }),
    );
  return checkRates(
    {
      date: sheet.date,
      perUsd: change(sheet.perUsd),
      crosses: Object.fromEntries(Object.entries(sheet.crosses).map(([base, rates]) => [base, change(rates)])),
    },
    { last, today: sheet.date },
  );
}

function faults(verdict: RatesVerdict): string {
  return verdict.outcome === 'REFUSED' ? verdict.faults.join('; ') : verdict.outcome;
}

function setAside(verdict: RatesVerdict): Record<string, string> {
  return verdict.outcome === 'GOOD' ? Object.fromEntries(verdict.doubtful) : { outcome: verdict.outcome };
}

describe('the days that come with the bank', () => {
  test('are good, whole, and newer than each other', async () => {
    const [earlier, later] = await Promise.all(embeddedRates().map((source) => source.read()));
    const last = goodDay(earlier!);
    expect(last.doubtful.size).toBe(0);
    const verdict = checkRates(later!, { last, today: later!.date });
    expect(setAside(verdict)).toEqual({});
    expect(Object.keys((verdict as { perUsd: object }).perUsd).sort()).toEqual([...CURRENCIES.keys()].sort());
  });
});

describe('a good day', () => {
  test('gives the rates of this bank’s currencies as the source writes them', () => {
    const verdict = checkRates(today, { last: goodDay(dayBefore), today: today.date });
    expect(verdict).toMatchObject({ outcome: 'GOOD', perUsd: { USD: '1', EUR: '0.85890794', BTC: '0.000011188152' } });
    expect((verdict as { perUsd: object }).perUsd).not.toHaveProperty('XAU');
    expect(setAside(verdict)).toEqual({});
  });

  test('says nothing new the second time', () => {
    expect(checkRates(today, { last: goodDay(today), today: '2025-12-30' })).toEqual({ outcome: 'KNOWN' });
  });
});

describe('the corrupt day of December 2025', () => {
  test('is refused on any bank: bitcoin for two cents, ether for less, a symbol missing', () => {
    for (const last of [null, goodDay(november)]) {
      expect(faults(checkRates(corrupt, { last, today: '2025-12-06' }))).toMatch(
        /^BTC would be worth 0.0257 USD; ETH would be worth 0.0000201 USD; .*SUI is missing/,
      );
    }
  });

  test('does not keep the next good day out', () => {
    const verdict = checkRates(today, { last: goodDay(november), today: '2025-12-07' });
    // What the source called MNT in November was another thing: it changed by a factor of five thousand.
    expect(setAside(verdict)).toEqual({ MNT: expect.stringMatching(/factor of 5.12e\+3/) });
  });
});

describe('a date', () => {
  test.each([
    ['2025-12-08', /is in the future/],
    ['2025-12-05', /is older than the rates in use, of 2025-12-06/],
    ['2025-02-30', /is no day/],
    ['yesterday', /is no day/],
    ['', /is no day/],
  ])('%j is refused', (date, expected) => {
    expect(faults(checkRates({ ...today, date }, { last: goodDay(dayBefore), today: '2025-12-07' }))).toMatch(expected);
  });

  test('that is known with other rates is refused, whatever they are', () => {
    expect(faults(judge({ SEK: (rate) => rate * 1.001 }, { last: goodDay(today) }))).toMatch(
      /2025-12-07 is known with other rates/,
    );
  });
});

describe('a single rate', () => {
  test.each([
    ['missing', () => null, /NGN is missing/],
    ['zero', () => 0, /NGN is "0", which is no rate/],
    ['negative', () => -1500, /NGN is "-1500", which is no rate/],
    ['not a number', () => 'NaN', /NGN is "NaN", which is no rate/],
    ['infinite', () => 'Infinity', /NGN is "Infinity", which is no rate/],
    ['text', () => 'a lot of naira, more than anybody would print in a log', /NGN is "a lot .{34}…", which is no rate/],
    ['in exponents', () => '1.5e3', /NGN is "1.5e3", which is no rate/],
    ['beyond all money', () => '1'.repeat(40), /NGN is "1{40}", which is no rate/],
    ['twice as dear as yesterday', (rate: number) => rate / 2, /NGN changed by a factor of 2.00 since 2025-12-06/],
    ['half as dear as yesterday', (rate: number) => rate * 2, /NGN changed by a factor of 2.00 since 2025-12-06/],
  ])('that is %s refuses a day after a good one that is fresh', (_, change, expected) => {
    expect(faults(judge({ NGN: change }))).toMatch(expected);
  });

  test('that is doubtful is set aside, and the others believed, when no fresh day is at hand', () => {
    expect(setAside(judge({ NGN: () => null }, { last: null }))).toEqual({ NGN: 'is missing' });
    const old = { ...goodDay(dayBefore), date: '2025-11-09' };
    expect(setAside(judge({ NGN: () => 0 }, { last: old }))).toEqual({ NGN: 'is "0", which is no rate' });
    const verdict = judge({ NGN: () => 0 }, { last: old });
    expect(verdict).toMatchObject({ outcome: 'GOOD' });
    expect((verdict as { perUsd: object }).perUsd).not.toHaveProperty('NGN');
  });

  test('that was no better yesterday is no reason to wait', () => {
    const without = goodDay({ ...dayBefore, perUsd: { ...dayBefore.perUsd, NGN: 'gone' } });
    expect(setAside(judge({ NGN: () => null }, { last: without }))).toEqual({ NGN: 'is missing' });
    const far = goodDay({ ...dayBefore, perUsd: { ...dayBefore.perUsd, USDC: '0.5' } });
    expect(setAside(judge({ USDC: (rate) => rate / 2 }, { last: far }))).toHaveProperty('USDC');
  });

  test('may be doubtful in five currencies and not in six', () => {
    const gone = (codes: string[]) =>
      judge(Object.fromEntries(codes.map((code) => [code, () => null])), { last: null });
    const five = ['NGN', 'KES', 'GHS', 'UGX', 'TZS'];
    expect(Object.keys(setAside(gone(five))).sort()).toEqual([...five].sort());
    expect(faults(gone([...five, 'ZAR']))).toMatch(/^(\w{3} is missing(; )?){6}$/);
  });

  test('that jumped is believed when the next day agrees with it', () => {
    const old = { ...goodDay(dayBefore), date: '2025-11-28' };
    const jumped = judge({ NGN: (rate) => rate * 20 }, { last: old });
    expect(setAside(jumped)).toEqual({ NGN: expect.stringContaining('changed by a factor') });
    const { perUsd } = jumped as Extract<RatesVerdict, { outcome: 'GOOD' }>;
    const last: LastGoodDay = { date: '2025-12-06', perUsd, doubtful: new Set(['NGN']) };
    expect(setAside(judge({ NGN: (rate) => rate * 20.1 }, { last }))).toEqual({});
    // One that does not agree with it either is still doubtful.
    expect(setAside(judge({ NGN: (rate) => rate * 400 }, { last }))).toHaveProperty('NGN');
  });

  test('may change by more the longer the last good day is ago', () => {
    const tripled = (date: string) => judge({ NGN: (rate) => rate * 3 }, { last: { ...goodDay(dayBefore), date } });
    expect(setAside(tripled('2025-11-30'))).toHaveProperty('NGN'); // 1.5 ^ √7 = 2.92
    expect(setAside(tripled('2025-11-29'))).toEqual({}); // 1.5 ^ √8 = 3.15
  });

  test('of an asset may change by more than one of a currency', () => {
    expect(setAside(judge({ SOL: (rate) => rate * 3.5 }))).toEqual({});
    expect(faults(judge({ SOL: (rate) => rate * 4.5 }))).toMatch(/SOL changed/);
    // Upside down, as bitcoin once was, it is caught even a month later: 4 ^ √29 = 1,700.
    const august = { ...goodDay(dayBefore), date: '2025-11-08' };
    expect(setAside(judge({ SOL: (rate) => 1 / rate }, { last: august }))).toHaveProperty('SOL');
  });

  test('that everything is counted in makes the day wrong, whatever the last good one', () => {
    for (const last of [null, { ...goodDay(dayBefore), date: '2025-10-09' }]) {
      for (const code of ['EUR', 'GBP', 'JPY', 'CNY', 'BTC', 'ETH']) {
        expect(faults(judge({ [code]: () => null }, { last }))).toContain(`${code} is missing`);
      }
      expect(faults(judge({ USD: () => 2 }, { last }))).toContain('USD is "2" to itself');
    }
  });

  test('of a coin that stands for a dollar is near one', () => {
    expect(setAside(judge({ USDC: (rate) => rate * 1.09 }, { last: null }))).toEqual({});
    expect(setAside(judge({ USDC: (rate) => rate * 1.11 }, { last: null }))).toHaveProperty('USDC');
    expect(faults(judge({ USDT: (rate) => rate * 0.8 }))).toMatch(/USDT is 0.79\d+, far from a dollar/);
  });
});

describe('crosses', () => {
  test('that contradict the dollar’s file make a rate doubtful', () => {
    const crosses = { ...today.crosses, EUR: { ...today.crosses['EUR'], NGN: '1700' } };
    expect(faults(checkRates({ ...today, crosses }, { last: goodDay(dayBefore), today: today.date }))).toMatch(
      /NGN is 1[\d.]+, but 1\d+\.\d+ by way of EUR/,
    );
  });

  test('that lack a currency make its rate doubtful', () => {
    const { NGN: _, ...others } = today.crosses['BTC']!;
    const sheet = { ...today, crosses: { ...today.crosses, BTC: others } };
    expect(setAside(checkRates(sheet, { last: null, today: today.date }))).toEqual({
      NGN: expect.stringMatching(/unknown by way of BTC/),
    });
  });

  test('of another day refuse the whole', () => {
    const verdict = checkRates({ ...today, crosses: november.crosses }, { last: null, today: today.date });
    expect(faults(verdict)).toMatch(/and \d+ more of \d+ rates$/);
  });

  test('by way of a rate that is upside down refuse the whole', () => {
    const perUsd = { ...today.perUsd, EUR: String(1 / Number(today.perUsd['EUR'])) };
    expect(faults(checkRates({ ...today, perUsd }, { last: null, today: today.date }))).toMatch(
      /EUR is 1.164\d+, but 0.858908 by way of BTC/,
    );
  });
});

describe('a sheet of whatever content', () => {
  test('is judged without a fault of ours, and what is believed is usable', () => {
    const code = fc.constantFrom(...CURRENCIES.keys(), 'XXX', '__proto__', 'constructor');
    const rate = fc.oneof(fc.string(), fc.double().map(String), fc.integer().map(String));
    fc.assert(
      fc.property(fc.dictionary(code, rate, { maxKeys: 8 }), fc.boolean(), (changes, fresh) => {
        const sheet = { ...today, perUsd: { ...today.perUsd, ...changes } };
        const verdict = checkRates(sheet, { last: fresh ? goodDay(dayBefore) : null, today: today.date });
        if (verdict.outcome !== 'GOOD') return;
        for (const [currency, text] of Object.entries(verdict.perUsd)) {
          expect(CURRENCIES.has(currency)).toBe(true);
          expect(text).toMatch(/^(0|[1-9]\d*)(\.\d+)?$/);
          expect(Number(text)).toBeGreaterThan(0);
          const previous = Number(dayBefore.perUsd[currency]);
          if (!fresh || verdict.doubtful.has(currency)) continue;
          const factor = Math.max(Number(text) / previous, previous / Number(text));
          expect(factor).toBeLessThanOrEqual(isAsset(currency) ? 4 : 1.5);
        }
      }),
    );
  });

  test('that is empty is refused', () => {
    const verdict = checkRates({ date: '2025-12-07', perUsd: {}, crosses: {} }, { last: null, today: '2025-12-07' });
    expect(faults(verdict)).toMatch(/^CNY is missing; .*and 153 more of 163 rates$/);
  });
});
