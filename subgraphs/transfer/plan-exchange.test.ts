import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { newId, type AccountId, type UserId } from '../../platform/ids.ts';
import { scaleOf } from '../../platform/money.ts';
import { convertMinor, crossRate, parseRate, type Rates } from '../../platform/rates.ts';
import { exchangeAccounts, exchangeLegs, planExchange, type ExchangePlan } from './plan-exchange.ts';

const DATE = '2026-09-29';
const SPREAD = 50n;
const EUR: Rates = { date: DATE, perUsd: { EUR: '0.86' } };

function plan(amountMinor: bigint, from: string, to: string, rates: Rates, spread = SPREAD): ExchangePlan {
  return planExchange({ amountMinor, currency: from }, to, rates, spread)!;
}

describe('the arithmetic of an exchange', () => {
  test('33.33 EUR x 1.08735 = 36.24 USD', () => {
    // 36.2413755, of which rounding takes 0.0013755.
    expect(convertMinor(33_33n, 'EUR', 'USD', parseRate('1.08735')!)).toBe(36_24n);
    // The same through planning, without a spread: a dollar's worth is 1 / 1.08735 euros.
    const rates: Rates = { date: DATE, perUsd: { EUR: '0.919667080516852899250471329378' } };
    expect(plan(33_33n, 'EUR', 'USD', rates, 0n)).toMatchObject({ rate: '1.08735', arrivesMinor: 36_24n });
  });

  test('takes the spread off the mid rate, and writes ten digits of it, rounded down', () => {
    // 1 / 0.86 = 1.16279069767…; less 0.5 % 1.15697674418…
    expect(plan(100_00n, 'EUR', 'USD', EUR)).toEqual({
      rate: '1.156976744',
      rateDate: DATE,
      arrivesMinor: 115_70n,
      worthMinor: 116_28n,
      earnedMinor: 58n,
      residueMinor: 0n,
    });
    expect(plan(100_00n, 'USD', 'EUR', EUR).rate).toBe('0.8557');
    expect(plan(1n, 'BTC', 'VND', { date: DATE, perUsd: { BTC: '0.0000087', VND: '26318.5' } }).rate).toBe(
      '3009989367',
    );
    const tiny = plan(10n ** 12n, 'VND', 'BTC', { date: DATE, perUsd: { BTC: '0.0000087', VND: '26318.5' } });
    expect(tiny.rate).toBe('0.0000000003289131219');
  });

  test('rounds half to even: 0.5 of a minor unit goes down, 1.5 go up', () => {
    const half: Rates = { date: DATE, perUsd: { EUR: '0.5' } };
    expect(plan(5n, 'USD', 'EUR', half, 0n)).toMatchObject({ arrivesMinor: 2n, worthMinor: 2n, earnedMinor: 0n });
    expect(() => plan(1n, 'USD', 'EUR', half, 0n)).toThrow(expect.objectContaining({ code: 'EXCHANGE_TOO_SMALL' }));
  });

  test('has no plan for a currency without a rate', () => {
    expect(planExchange({ amountMinor: 1n, currency: 'EUR' }, 'KES', EUR, SPREAD)).toBeNull();
    expect(planExchange({ amountMinor: 1n, currency: 'KES' }, 'EUR', EUR, SPREAD)).toBeNull();
  });

  test('is refused where rounding would give more than the money is worth', () => {
    const rates: Rates = { date: DATE, perUsd: { JPY: '157.5' } };
    const tooSmall = expect.objectContaining({ code: 'EXCHANGE_TOO_SMALL', field: ['amount', 'amount'] });
    // A yen is worth 0.63 cents: rounded, a whole cent.
    expect(() => plan(1n, 'JPY', 'USD', rates)).toThrow(tooSmall);
    // Nothing at all would arrive.
    expect(() => plan(1n, 'ETH', 'USD', { date: DATE, perUsd: { ETH: '0.0003' } })).toThrow(tooSmall);
    // A cent is worth 1.575 yen: rounded two. Of three cents, 4.725 yen, the nearest is again more; four come to 6.3.
    expect(() => plan(1n, 'USD', 'JPY', rates)).toThrow(tooSmall);
    expect(() => plan(3n, 'USD', 'JPY', rates)).toThrow(tooSmall);
    expect(plan(4n, 'USD', 'JPY', rates).arrivesMinor).toBe(6n);
  });
});

const CURRENCIES = ['USD', 'EUR', 'JPY', 'KWD', 'NGN', 'ETH', 'BTC', 'VND', 'USDC'];
const rate = fc.tuple(fc.bigInt(1n, 10n ** 12n), fc.integer({ min: 0, max: 10 })).map(([digits, decimals]) => {
  const text = digits.toString().padStart(decimals + 1, '0');
  return decimals === 0 ? text : `${text.slice(0, -decimals)}.${text.slice(-decimals)}`;
});
const anyRates = fc.tuple(...CURRENCIES.map(() => rate)).map((rates): Rates => ({
  date: DATE,
  perUsd: Object.fromEntries(CURRENCIES.map((code, index) => [code, code === 'USD' ? '1' : rates[index]!])),
}));
const anyExchange = fc.record({
  rates: anyRates,
  ends: fc.shuffledSubarray(CURRENCIES, { minLength: 2, maxLength: 2 }),
  amountMinor: fc.oneof(fc.bigInt(1n, 10_000n), fc.bigInt(1n, 10n ** 24n)),
  spread: fc.bigInt(0n, 300n),
});

/** Runs on every exchange that is not too small; returns how many there were. */
function forEachExchange(
  check: (made: ExchangePlan, exchange: { rates: Rates; from: string; to: string; amountMinor: bigint }) => void,
): void {
  let made = 0;
  fc.assert(
    fc.property(anyExchange, ({ rates, ends: [from, to], amountMinor, spread }) => {
      try {
        const exchange = plan(amountMinor, from!, to!, rates, spread);
        made++;
        check(exchange, { rates, from: from!, to: to!, amountMinor });
      } catch (error) {
        if ((error as { code?: string }).code !== 'EXCHANGE_TOO_SMALL') throw error;
      }
    }),
    { numRuns: 2_000 },
  );
  expect(made).toBeGreaterThan(500);
}

describe('any exchange', () => {
  test('gives what amount x rate comes to, and never more than the amount is worth', () => {
    forEachExchange(({ rate: text, arrivesMinor }, { rates, from, to, amountMinor }) => {
      const applied = parseRate(text)!;
      const mid = crossRate(rates, from, to)!;
      expect(arrivesMinor).toBe(convertMinor(amountMinor, from, to, applied));
      expect(applied.numerator * mid.denominator <= mid.numerator * applied.denominator).toBe(true);
      const given = arrivesMinor * 10n ** BigInt(scaleOf(from)) * mid.denominator;
      expect(given <= amountMinor * 10n ** BigInt(scaleOf(to)) * mid.numerator).toBe(true);
      expect(text.replace('.', '').replace(/^0+|0+$/g, '').length).toBeLessThanOrEqual(10);
    });
  });

  test('leaves a residue of a minor unit at most, and sums to zero in both currencies', () => {
    const owner = newId<UserId>();
    const end = (label: string) => ({ accountId: newId<AccountId>(), ownerId: owner, label });
    const [source, destination] = [end('Ada (source)'), end('Ada (destination)')];
    forEachExchange((made, { from, to, amountMinor }) => {
      expect(made.residueMinor >= -1n && made.residueMinor <= 1n).toBe(true);
      expect(made.earnedMinor >= 0n).toBe(true);
      const bank = exchangeAccounts(from, to).map(() => newId<AccountId>());
      const legs = exchangeLegs({ amountMinor, currency: from }, to, made, { source, destination }, bank);
      const sum = (currency: string) =>
        legs.filter((leg) => leg.currency === currency).reduce((total, leg) => total + leg.amountMinor, 0n);
      expect([sum(from), sum(to)]).toEqual([0n, 0n]);
      expect(legs.some(({ amountMinor: minor }) => minor === 0n)).toBe(false);
    });
  });

  test('there and back again makes nobody richer', () => {
    forEachExchange(({ arrivesMinor }, { rates, from, to, amountMinor }) => {
      try {
        expect(plan(arrivesMinor, to, from, rates).arrivesMinor <= amountMinor).toBe(true);
      } catch (error) {
        expect(error).toMatchObject({ code: 'EXCHANGE_TOO_SMALL' });
      }
    });
  });
});
