import { afterEach, describe, expect, test } from '@jest/globals';
import { createScriptedPayouts, type ScriptedPayouts } from '../tests/scripted-payouts.ts';
import { until } from '../tests/until.ts';
import { ProviderOutcomeUnknownError } from './card-provider.ts';
import { createRegistry, type RegistryOptions } from './create-registry.ts';
import type { ProviderRegistry } from './registry.ts';

let registry: ProviderRegistry | undefined;
afterEach(() => registry?.close());

const unknown = () => Promise.reject(new ProviderOutcomeUnknownError('lost'));
const noRetries = { retries: { most: 0, firstDelayMs: 1, longestDelayMs: 1 } };
const wanted = { kind: 'IBAN' as const, iban: 'DE89370400440532013000', amountMinor: 10_000n, currency: 'EUR' };

function open(providers: ScriptedPayouts[], options: RegistryOptions = {}): ProviderRegistry {
  registry = createRegistry(providers, { resilience: noRetries, ...options });
  return registry;
}

const cheap = () =>
  createScriptedPayouts({
    name: 'bankrail',
    offer: { providerFeeMinor: 5n, networkFeeMinor: 0n, usualSeconds: 86_400 },
  });
const quick = () =>
  createScriptedPayouts({
    name: 'flutterwave',
    offer: { providerFeeMinor: 300n, networkFeeMinor: 0n, usualSeconds: 60 },
  });

describe('the registry', () => {
  test('names those who can carry a payout, with the figures behind their order', () => {
    const all = open([cheap(), quick(), createScriptedPayouts({ name: 'stripe', offer: null })]);
    expect(all.candidates(wanted, 'FAST').map(({ provider }) => provider.name)).toEqual(['flutterwave', 'bankrail']);
    const [first] = all.candidates(wanted, 'CHEAP');
    expect(first).toMatchObject({ provider: { name: 'bankrail' }, health: 100, cost: 100, speed: expect.any(Number) });
    expect(first!.score).toBeCloseTo(50 + 45 + (5 * first!.speed) / 100, 1);
    expect(all.find('stripe')?.name).toBe('stripe');
    expect(all.find('nobody')).toBeNull();
  });

  test('puts a provider that is down last, and brings it back when it answers again', async () => {
    const failing = cheap();
    failing.next = Array.from({ length: 5 }, () => unknown);
    const all = open([failing, quick()], {
      checkEveryMs: 5,
      resilience: { ...noRetries, breaker: { faults: 5, openMs: 300 } },
    });
    await until('it is down', () => all.states()[0]!.breaker === 'OPEN');
    const down = all.candidates(wanted, 'CHEAP').at(-1)!;
    expect(down).toMatchObject({ provider: { name: 'bankrail' }, health: 0 });
    await until('it is back', () => all.states()[0]!.breaker === 'CLOSED');
    expect(all.states()[0]).toMatchObject({ name: 'bankrail', checkedAt: expect.any(Date) });
  });

  test('asks each provider how it is, over and over, never twice at a time, and no more after its end', async () => {
    const slow = cheap();
    let finish: () => void = () => {};
    slow.next = [() => new Promise((resolve) => (finish = () => resolve(null)))];
    const other = quick();
    const all = open([slow, other], { checkEveryMs: 5 });
    await until('the other was asked often', () => other.calls.length > 3);
    expect(slow.calls).toEqual(['checkHealth']);
    finish();
    await until('the slow one is asked again', () => slow.calls.length > 1);
    await all.close();
    const asked = [slow.calls.length, other.calls.length];
    const another = cheap();
    open([another], { checkEveryMs: 5 });
    await until('as many checks again would have been made', () => another.calls.length > 5);
    expect([slow.calls.length, other.calls.length]).toEqual(asked);
  });
});
