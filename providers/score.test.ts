import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { POLICY } from '../platform/policy.ts';
import type { Preference } from './registry.ts';
import { costScore, scoreOffers, speedScore, weightedScore, type ScoredOffer } from './score.ts';

const PREFERENCES: readonly Preference[] = ['BALANCED', 'CHEAP', 'FAST'];
const NAMES = ['bankrail', 'flutterwave', 'paystack', 'stripe'] as const;
const amounts = fc.bigInt({ min: 1n, max: 10n ** 18n });
const fees = fc.bigInt({ min: 0n, max: 10n ** 17n });
const seconds = fc.integer({ min: 0, max: 10 * 86_400 });
const percent = fc.double({ min: 0, max: 100, noNaN: true });

function offer(
  name: (typeof NAMES)[number],
  more: { fee?: bigint; network?: bigint; seconds?: number; health?: number; down?: boolean } = {},
): ScoredOffer {
  const { fee = 100n, network = 0n, seconds: usualSeconds = 3_600, health = 100, down = false } = more;
  return { name, offer: { providerFeeMinor: fee, networkFeeMinor: network, usualSeconds }, health, down };
}

const names = (offers: ScoredOffer[], preference: Preference = 'BALANCED') =>
  scoreOffers(offers, { amountMinor: 10_000n, preference }).map(({ name }) => name);

describe('the score of a provider', () => {
  test('is health 50 %, cost 30 % and speed 20 %; a preference moves weight between cost and speed alone', () => {
    expect(POLICY.providers.weights.BALANCED).toEqual({ health: 50, cost: 30, speed: 20 });
    expect(weightedScore({ health: 100, cost: 0, speed: 0 }, 'BALANCED')).toBe(50);
    expect(weightedScore({ health: 0, cost: 100, speed: 0 }, 'BALANCED')).toBe(30);
    expect(weightedScore({ health: 0, cost: 0, speed: 100 }, 'BALANCED')).toBe(20);
    for (const preference of PREFERENCES) {
      const { health, cost, speed } = POLICY.providers.weights[preference];
      expect([health, health + cost + speed]).toEqual([50, 100]);
    }
    expect(weightedScore({ health: 0, cost: 100, speed: 0 }, 'CHEAP')).toBe(45);
    expect(weightedScore({ health: 0, cost: 0, speed: 100 }, 'FAST')).toBe(45);
  });

  test('is from 0 to 100, and so is each of its parts', () => {
    const item = fc.record({ fee: fees, network: fees, seconds, health: percent, down: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(item, { minLength: 1, maxLength: 4 }),
        amounts,
        fc.constantFrom(...PREFERENCES),
        (items, amountMinor, preference) => {
          const scored = scoreOffers(
            items.map((each, index) => offer(NAMES[index]!, each)),
            { amountMinor, preference },
          );
          expect(scored).toHaveLength(items.length);
          for (const { health, cost, speed, score } of scored) {
            for (const part of [health, cost, speed, score]) {
              expect(part).toBeGreaterThanOrEqual(0);
              expect(part).toBeLessThanOrEqual(100);
            }
          }
          expect(Math.max(...scored.map(({ cost }) => cost))).toBe(100);
          expect(Math.max(...scored.map(({ speed }) => speed))).toBe(100);
        },
      ),
    );
  });

  test('never falls when one of its parts grows', () => {
    fc.assert(
      fc.property(percent, percent, percent, percent, fc.constantFrom(...PREFERENCES), (a, b, c, more, preference) => {
        const parts = { health: a, cost: b, speed: c };
        const before = weightedScore(parts, preference);
        for (const part of ['health', 'cost', 'speed'] as const) {
          const grown = { ...parts, [part]: Math.max(parts[part], more) };
          expect(weightedScore(grown, preference)).toBeGreaterThanOrEqual(before);
        }
      }),
    );
    fc.assert(
      fc.property(fees, fees, fees, amounts, (least, a, b, amount) => {
        const [low, high] = a < b ? [least + a, least + b] : [least + b, least + a];
        expect(costScore(high, least, amount)).toBeLessThanOrEqual(costScore(low, least, amount));
      }),
    );
    fc.assert(
      fc.property(seconds, seconds, seconds, (least, a, b) => {
        const [low, high] = a < b ? [least + a, least + b] : [least + b, least + a];
        expect(speedScore(high, least)).toBeLessThanOrEqual(speedScore(low, least));
      }),
    );
  });
});

describe('the order of providers', () => {
  const cheap = offer('paystack', { fee: 10n, seconds: 3 * 86_400 });
  const quick = offer('stripe', { fee: 400n, seconds: 60 });

  test('follows what the customer prefers', () => {
    expect(names([cheap, quick], 'CHEAP')).toEqual(['paystack', 'stripe']);
    expect(names([cheap, quick], 'FAST')).toEqual(['stripe', 'paystack']);
  });

  test('puts the network’s fee beside the provider’s', () => {
    expect(names([offer('paystack', { fee: 10n, network: 500n }), offer('stripe', { fee: 200n })])).toEqual([
      'stripe',
      'paystack',
    ]);
  });

  test('puts who fails often behind who does not, whatever the preference', () => {
    for (const preference of PREFERENCES) {
      expect(names([offer('paystack', { health: 20 }), offer('stripe', { health: 100 })], preference)).toEqual([
        'stripe',
        'paystack',
      ]);
    }
  });

  test('puts who is down last, even when it would win by its other parts', () => {
    const down = offer('bankrail', { fee: 0n, seconds: 0, down: true, health: 100 });
    const poor = offer('stripe', { fee: 5_000n, seconds: 9 * 86_400, health: 10 });
    const scored = scoreOffers([down, poor], { amountMinor: 10_000n, preference: 'BALANCED' });
    expect(scored.map(({ name, health }) => [name, health])).toEqual([
      ['stripe', 10],
      ['bankrail', 0],
    ]);
    expect(scored[1]!.score).toBeGreaterThan(scored[0]!.score);
  });

  test('is the same however the offers come, also between equals', () => {
    const all = NAMES.map((name) => offer(name));
    expect(names(all)).toEqual([...NAMES]);
    expect(names([...all].reverse())).toEqual([...NAMES]);
    expect(names([])).toEqual([]);
  });
});
