import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseAmount } from '../../../platform/money.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { Offer } from '../../../providers/payout-provider.ts';
import type { Preference } from '../../../providers/registry.ts';
import type { TransferType } from '../generated/resolvers.ts';
import { feeLines, readFeeLines, totalFees, writeFeeLines, type FeeRule } from './fees.ts';

const OFFER: Offer = { providerFeeMinor: 30n, networkFeeMinor: 7n, usualSeconds: 60 };

function linesOf(
  type: TransferType,
  amount: string,
  currency: string,
  { offer = OFFER, preference = 'BALANCED' }: { offer?: Offer | null; preference?: Preference } = {},
) {
  return feeLines({ type, amount: { amountMinor: parseAmount(amount, currency), currency }, offer, preference });
}

describe('what a transfer costs', () => {
  test('is told line by line, each with its rule and what it was worked out from', () => {
    expect(linesOf('EXTERNAL', '100.00', 'USD', { preference: 'FAST' })).toEqual([
      { tier: 'PLATFORM', rule: 'platform.external', basis: '0.50 % of 100.00 USD', amountMinor: 50n },
      { tier: 'PROVIDER', rule: 'provider.offer', basis: "the provider's price for 100.00 USD", amountMinor: 30n },
      { tier: 'NETWORK', rule: 'network.offer', basis: "the network's price for 100.00 USD", amountMinor: 7n },
      { tier: 'COMPLIANCE', rule: 'compliance.screening', basis: '0.05 % of 100.00 USD', amountMinor: 5n },
      { tier: 'PREMIUM', rule: 'premium.fast', basis: '0.20 % of 100.00 USD', amountMinor: 20n },
    ]);
    expect(linesOf('WITHDRAWAL', '100.00', 'USD').map(({ rule, amountMinor }) => [rule, amountMinor])).toEqual([
      ['platform.withdrawal', 25n],
      ['provider.offer', 30n],
      ['network.offer', 7n],
    ]);
  });

  test('is nothing inside the bank, whatever is preferred', () => {
    for (const type of ['INTERNAL', 'DEPOSIT', 'EXCHANGE'] as const) {
      for (const preference of ['BALANCED', 'CHEAP', 'FAST'] as const) {
        expect(linesOf(type, '100.00', 'USD', { offer: null, preference })).toEqual([]);
      }
    }
  });

  test('is bounded where the rule says so, and the basis says it', () => {
    const platform = (amount: string, currency = 'USD') => {
      const { basis, amountMinor } = linesOf('EXTERNAL', amount, currency)[0]!;
      return [basis, amountMinor];
    };
    expect(platform('10.00')).toEqual(['0.50 % of 10.00 USD, at least 0.25 USD', 25n]);
    expect(platform('50.00')).toEqual(['0.50 % of 50.00 USD', 25n]);
    expect(platform('20000.00')).toEqual(['0.50 % of 20000.00 USD, at most 50.00 USD', 50_00n]);
    expect(platform('100000', 'JPY')).toEqual(['0.50 % of 100000 JPY', 500n]);
    expect(platform('10.000', 'KWD')).toEqual(['0.50 % of 10.000 KWD, at least 0.080 KWD', 80n]);
    expect(platform('0.00000001', 'BTC')).toEqual(['0.50 % of 0.00000001 BTC, at least 0.00000001 BTC', 1n]);
    expect(platform('1.000000000000000001', 'ETH')).toEqual([
      '0.50 % of 1.000000000000000001 ETH',
      5_000_000_000_000_000n,
    ]);
  });

  test('is rounded half to even: 0.5 of a minor unit goes down, 1.5 go up', () => {
    const rule: FeeRule = {
      name: 'half',
      tier: 'PLATFORM',
      types: ['EXTERNAL'],
      preference: null,
      basisPoints: 50n,
      leastOneUnit: false,
      atLeast: {},
      atMost: {},
    };
    const half = (amountMinor: bigint, leastOneUnit = false) =>
      totalFees(
        feeLines({ type: 'EXTERNAL', amount: { amountMinor, currency: 'USD' }, offer: null, preference: 'CHEAP' }, [
          { ...rule, leastOneUnit },
        ]),
      );
    expect([100n, 101n, 300n, 299n, 500n].map((minor) => half(minor))).toEqual([0n, 1n, 2n, 1n, 2n]);
    // A minor unit at least only where the rule says so.
    expect([half(1n), half(1n, true), half(100n, true)]).toEqual([0n, 1n, 1n]);
  });

  test('passes on what the provider asks as it is, and nobody is paid for using one', () => {
    expect(
      linesOf('WITHDRAWAL', '1.00', 'USD', { offer: { ...OFFER, providerFeeMinor: 0n, networkFeeMinor: 0n } }),
    ).toHaveLength(1);
    expect(() => linesOf('WITHDRAWAL', '1.00', 'USD', { offer: { ...OFFER, networkFeeMinor: -1n } })).toThrow('pays');
  });

  test('has rules of names that differ', () => {
    const names = POLICY.fees.rules.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});

const anyInput = fc.record({
  type: fc.constantFrom<TransferType>('INTERNAL', 'DEPOSIT', 'EXCHANGE', 'WITHDRAWAL', 'EXTERNAL'),
  amount: fc.record({
    amountMinor: fc.oneof(fc.bigInt(1n, 10_000n), fc.bigInt(1n, 10n ** 30n - 1n)),
    currency: fc.constantFrom('JPY', 'USD', 'NGN', 'KWD', 'BTC', 'ETH'),
  }),
  offer: fc.option(
    fc.record({
      providerFeeMinor: fc.bigInt(0n, 10n ** 6n),
      networkFeeMinor: fc.bigInt(0n, 10n ** 6n),
      usualSeconds: fc.nat(),
    }),
  ),
  preference: fc.constantFrom<Preference>('BALANCED', 'CHEAP', 'FAST'),
});

describe('of any transfer', () => {
  test('every line is positive, names its rule, and tells the amount it was worked out from', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const lines = feeLines(input);
        for (const line of lines) {
          expect(line.amountMinor > 0n).toBe(true);
          expect(line.basis).toMatch(new RegExp(`[0-9] ${input.amount.currency}`));
        }
        expect(new Set(lines.map(({ rule }) => rule)).size).toBe(lines.length);
        expect(lines.some(({ tier }) => tier === 'PREMIUM')).toBe(
          input.preference === 'FAST' && ['WITHDRAWAL', 'EXTERNAL'].includes(input.type),
        );
      }),
    );
  });

  test('each part is within half a minor unit of its share, unless it is bounded', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        for (const line of feeLines({ ...input, offer: null })) {
          if (line.basis.includes(',')) continue;
          const { basisPoints } = POLICY.fees.rules.find(({ name }) => name === line.rule)!;
          const off = line.amountMinor * 10_000n - input.amount.amountMinor * basisPoints;
          expect(off <= 5_000n && off >= -5_000n).toBe(true);
        }
      }),
    );
  });

  test('a larger amount costs no less', () => {
    fc.assert(
      fc.property(anyInput, fc.bigInt(1n, 10n ** 9n), (input, more) => {
        const larger = { ...input.amount, amountMinor: input.amount.amountMinor + more };
        expect(totalFees(feeLines({ ...input, amount: larger })) >= totalFees(feeLines(input))).toBe(true);
      }),
    );
  });

  test('lines are read as they were written', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const lines = feeLines(input);
        expect(readFeeLines(JSON.parse(writeFeeLines(lines)))).toEqual(lines);
      }),
    );
  });
});
