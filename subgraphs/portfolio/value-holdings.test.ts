import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CURRENCIES, scaleOf } from '../../platform/money.ts';
import type { OwnedAccount } from './domain.ts';
import { totalOf, valueBalances, valueHoldings, valueOutside } from './value-holdings.ts';

let ids = 0;
const account = (currency: string, postedMinor: bigint): OwnedAccount => ({
  id: `account-${ids++}`,
  currency,
  version: 1,
  postedMinor,
});

/** One dollar buys 0.8 euros, 150 yen, 0.0004 ether; nothing is known of the naira. */
const RATES = { perUsd: { USD: '1', EUR: '0.8', JPY: '150', ETH: '0.0004', KWD: '0.3' } };

describe('the value of holdings', () => {
  test('is each quantity at its cross rate, rounded once to even, largest first', () => {
    const holdings = valueHoldings(
      [account('JPY', 1_000n), account('EUR', 12_34n), account('ETH', 1_500_000_000_000_000_000n), account('USD', 5n)],
      'USD',
      RATES,
    );
    // 1.5 ETH x 2,500; 12.34 / 0.8 = 15.425, half to even 15.42; 1,000 / 150 = 6.666… .
    expect(
      holdings.map(({ currency, valueMinor, priceMinor, rate }) => [currency, valueMinor, priceMinor, rate]),
    ).toEqual([
      ['ETH', 3_750_00n, 2_500_00n, '2500'],
      ['EUR', 15_42n, 1_25n, '1.25'],
      ['JPY', 6_67n, 1n, '0.00666666666667'],
      ['USD', 5n, 1_00n, '1'],
    ]);
    expect(totalOf(holdings)).toBe(3_772_14n);
    // 3750.00, 15.42, 6.67 and 0.05 of 3772.14 are 0.99413…, 0.00408…, 0.00176…, 0.00001…: the three ten-thousandths that
    // are left over by rounding down go to the largest remainders.
    expect(holdings.map(({ share }) => share)).toEqual(['0.9941', '0.0041', '0.0018', '0']);
  });

  test('goes through the dollar between two other currencies, whatever their decimals', () => {
    // 100 EUR = 125 USD = 18,750 JPY = 37.500 KWD.
    expect(valueHoldings([account('EUR', 100_00n)], 'JPY', RATES)[0]).toMatchObject({
      valueMinor: 18_750n,
      rate: '187.5',
    });
    expect(valueHoldings([account('EUR', 100_00n)], 'KWD', RATES)[0]).toMatchObject({
      valueMinor: 37_500n,
      rate: '0.375',
    });
    expect(valueHoldings([account('JPY', 1n)], 'ETH', RATES)[0]).toMatchObject({ valueMinor: 2_666_666_666_667n });
  });

  test('joins accounts of one currency before it rounds', () => {
    const halves = [account('JPY', 1n), account('JPY', 1n), account('JPY', 1n)];
    // 3 / 150 is exactly 0.02; three times 0.0067 rounded would be 0.03.
    expect(valueHoldings(halves, 'USD', RATES)).toEqual([
      expect.objectContaining({ quantityMinor: 3n, valueMinor: 2n, accountIds: halves.map(({ id }) => id) }),
    ]);
  });

  test('is unknown without a rate: no price, no value, no share, not in the total, last by name', () => {
    const holdings = valueHoldings([account('NGN', 9n), account('GHS', 9n), account('USD', 1_00n)], 'USD', RATES);
    expect(holdings.map(({ currency }) => currency)).toEqual(['USD', 'GHS', 'NGN']);
    expect(holdings[2]).toMatchObject({ priceMinor: null, rate: null, valueMinor: null, share: null });
    expect(holdings[0]!.share).toBe('1');
    expect(totalOf(holdings)).toBe(1_00n);
    // What is valued in a currency without a rate is only that currency itself.
    expect(totalOf(valueHoldings([account('NGN', 9n), account('USD', 1_00n)], 'NGN', RATES))).toBe(9n);
  });

  test('of nothing, or with something overdrawn, has no shares', () => {
    expect(valueHoldings([account('USD', 0n)], 'USD', RATES)[0]).toMatchObject({ valueMinor: 0n, share: null });
    const [first, second] = valueHoldings([account('USD', -5_00n), account('EUR', 80_00n)], 'USD', RATES);
    expect(first).toMatchObject({ currency: 'EUR', valueMinor: 100_00n, share: null });
    expect(second).toMatchObject({ currency: 'USD', valueMinor: -5_00n, share: null });
    expect(valueHoldings([], 'USD', RATES)).toEqual([]);
  });

  test('is exact for amounts beyond every floating-point number', () => {
    const huge = 10n ** 29n + 1n;
    expect(valueHoldings([account('USD', huge)], 'USD', RATES)[0]!.valueMinor).toBe(huge);
    // At 0.8 EUR a dollar: times five quarters, and the odd cent is rounded.
    expect(valueHoldings([account('EUR', huge)], 'USD', RATES)[0]!.valueMinor).toBe((huge * 5n - 1n) / 4n);
  });

  const currency = fc.constantFrom(...CURRENCIES.keys());
  const rate = fc.tuple(fc.bigInt(1n, 10n ** 12n), fc.integer({ min: 0, max: 9 })).map(([digits, decimals]) => {
    const text = digits.toString().padStart(decimals + 1, '0');
    return decimals === 0 ? text : `${text.slice(0, -decimals)}.${text.slice(-decimals)}`;
  });
  const rates = fc.dictionary(currency, rate, { maxKeys: 12 }).map((perUsd) => ({ perUsd: { ...perUsd, USD: '1' } }));
  const accounts = fc.array(
    fc.tuple(currency, fc.bigInt(0n, 10n ** 24n)).map(([code, amount]) => account(code, amount)),
    { maxLength: 12 },
  );

  test('adds up: values to the total, shares to exactly one, quantities to what the accounts have', () => {
    fc.assert(
      fc.property(accounts, rates, currency, (owned, known, valuation) => {
        const holdings = valueHoldings(owned, valuation, known);
        const priced = holdings.filter(({ valueMinor }) => valueMinor !== null);
        const total = priced.reduce((sum, { valueMinor }) => sum + valueMinor!, 0n);
        expect(totalOf(holdings)).toBe(total);
        const shared = priced.reduce((sum, { share }) => sum + Math.round(Number(share) * 10_000), 0);
        expect(shared).toBe(total > 0n ? 10_000 : 0);
        expect(holdings.flatMap(({ accountIds }) => accountIds).sort()).toEqual(owned.map(({ id }) => id).sort());
        const had = new Map<string, bigint>();
        for (const { currency: code, postedMinor } of owned) had.set(code, (had.get(code) ?? 0n) + postedMinor);
        expect(new Map(holdings.map(({ currency: code, quantityMinor }) => [code, quantityMinor]))).toEqual(had);
        expect(valueBalances(had, valuation, known)).toBe(total);
        priced
          .slice(1)
          .forEach(({ valueMinor }, index) => expect(valueMinor! <= priced[index]!.valueMinor!).toBe(true));
      }),
    );
  });

  test('writes a rate that agrees with the exact one to twelve digits', () => {
    fc.assert(
      fc.property(rate, rate, (from, to) => {
        const { rate: written } = valueHoldings([account('EUR', 1n)], 'JPY', { perUsd: { EUR: from, JPY: to } })[0]!;
        const exact = Number(to) / Number(from);
        expect(written).toMatch(/^(0|[1-9]\d*)(\.\d*[1-9])?$/);
        expect(Math.abs(Number(written) / exact - 1)).toBeLessThan(1e-11);
      }),
    );
  });

  test('of one unit is the price, for every currency', () => {
    const perUsd = { BTC: '0.000012017405', USD: '1' };
    for (const code of ['BTC', 'USD']) {
      const [holding] = valueHoldings([account(code, 10n ** BigInt(scaleOf(code)))], 'USD', { perUsd });
      expect(holding!.valueMinor).toBe(holding!.priceMinor);
    }
  });
});

describe('the value of outside accounts', () => {
  const at = new Date('2026-03-01T00:00:00.000Z');
  const outside = (paymentMethodId: string, currency: string, balanceMinor: bigint) => ({
    paymentMethodId,
    currency,
    balanceMinor,
    seenAt: at,
  });

  test('is in the same currency, largest first, what has no price last', () => {
    const valued = valueOutside(
      [outside('a', 'NGN', 1n), outside('b', 'USD', 1n), outside('c', 'EUR', 80n), outside('d', 'USD', -5n)],
      'USD',
      RATES,
    );
    expect(valued.map(({ paymentMethodId, valueMinor }) => [paymentMethodId, valueMinor])).toEqual([
      ['c', 100n],
      ['b', 1n],
      ['d', -5n],
      ['a', null],
    ]);
    expect(totalOf(valued)).toBe(96n);
  });
});
