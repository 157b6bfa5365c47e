import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { newId, type TransferId } from '../platform/ids.ts';
import { POLICY } from '../platform/policy.ts';
import { createScriptedPayouts, DONE, type ScriptedPayouts } from '../tests/scripted-payouts.ts';
import { until } from '../tests/until.ts';
import { ProviderOutcomeUnknownError } from './card-provider.ts';
import {
  ProviderNotCertainYetError,
  ProviderUnreachableError,
  type Payout,
  type PayoutRequest,
} from './payout-provider.ts';
import { makeResilient, type ResilienceOptions, type ResilientProvider } from './resilience.ts';

const transferId = newId<TransferId>();
const request: PayoutRequest = {
  key: transferId.replaceAll('-', ''),
  transferId,
  amountMinor: 5_000n,
  currency: 'USD',
  destination: { kind: 'CARD', reference: 'card', holder: 'Ada' },
  description: null,
};
const wanted = { key: request.key, transferId, sentAt: new Date() };
const DECLINED: Payout = { outcome: 'DECLINED', reference: null, code: 'no', message: 'No.' };

const unknown = () => Promise.reject(new ProviderOutcomeUnknownError('lost'));
const unreachable = () => Promise.reject(new ProviderUnreachableError('refused'));
const notYet = () => Promise.reject(new ProviderNotCertainYetError('not yet'));
const never = () => new Promise<Payout>(() => {});

/** The clock of the breaker and of health; it moves only when a test says so. */
let now: number;
let provider: ScriptedPayouts;
const soon = () => AbortSignal.timeout(120_000);
const quick = { most: 3, firstDelayMs: 1, longestDelayMs: 2 };

function resilient(more: Partial<ResilienceOptions> = {}): ResilientProvider {
  return makeResilient(provider, { retries: quick, now: () => now, ...more });
}

beforeEach(() => {
  now = Date.UTC(2026, 10, 21, 12);
  jest.spyOn(Date, 'now').mockImplementation(() => now);
  provider = createScriptedPayouts();
});
afterEach(() => void jest.restoreAllMocks());

/** Faults until the breaker opens. */
async function openBreaker(given: ResilientProvider): Promise<void> {
  provider.next = Array.from({ length: POLICY.providers.breaker.faults }, () => unknown);
  for (const fault of [...provider.next]) {
    expect(fault).toBe(unknown);
    await expect(given.send(request, soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
  }
  expect(given.state().breaker).toBe('OPEN');
  provider.calls = [];
}

describe('a send', () => {
  test('whose outcome is unknown is never repeated', async () => {
    provider.next = [unknown];
    await expect(resilient().send(request, soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    expect(provider.calls).toEqual(['send']);
  });

  test('that certainly did not arrive is tried three times more', async () => {
    provider.next = [unreachable, unreachable, unreachable];
    expect(await resilient().send(request, soon())).toBe(DONE);
    expect(provider.calls).toHaveLength(4);
    provider.next = [unreachable, unreachable, unreachable, unreachable];
    await expect(resilient().send(request, soon())).rejects.toBeInstanceOf(ProviderUnreachableError);
    expect(provider.calls).toHaveLength(8);
  });

  test('that did not arrive and then is unknown is not tried again', async () => {
    provider.next = [unreachable, unknown];
    await expect(resilient().send(request, soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    expect(provider.calls).toHaveLength(2);
  });

  test('that takes too long is unknown, also when its provider never ends', async () => {
    provider.next = [never];
    await expect(resilient({ callTimeoutMs: 20 }).send(request, soon())).rejects.toBeInstanceOf(
      ProviderOutcomeUnknownError,
    );
    expect(provider.calls).toHaveLength(1);
  });

  test('ends with its caller, during a call and during a pause', async () => {
    provider.next = [never];
    await expect(resilient().send(request, AbortSignal.timeout(20))).rejects.toBeInstanceOf(
      ProviderOutcomeUnknownError,
    );
    provider.next = [unreachable];
    const slow = resilient({ retries: { most: 3, firstDelayMs: 60_000, longestDelayMs: 60_000 } });
    await expect(slow.send(request, AbortSignal.timeout(20))).rejects.toBeInstanceOf(ProviderUnreachableError);
    expect(provider.calls).toHaveLength(2);
    await expect(resilient().send(request, AbortSignal.abort())).rejects.toBeInstanceOf(ProviderUnreachableError);
    expect(provider.calls).toHaveLength(2);
  });
});

describe('a question', () => {
  test('is asked again after any fault', async () => {
    provider.next = [unknown, unreachable, unknown];
    expect(await resilient().find(wanted, soon())).toBe(DONE);
    provider.next = [unknown];
    await resilient().checkHealth(soon());
    expect(provider.calls).toEqual(['find', 'find', 'find', 'find', 'checkHealth', 'checkHealth']);
  });

  test('is not asked again at once when the answer is "not certain yet"', async () => {
    provider.next = [notYet];
    await expect(resilient().find(wanted, soon())).rejects.toBeInstanceOf(ProviderNotCertainYetError);
    expect(provider.calls).toHaveLength(1);
  });
});

describe('the breaker', () => {
  test('opens after five faults in a row, and then nothing is sent', async () => {
    const guarded = resilient();
    await openBreaker(guarded);
    expect(guarded.state()).toMatchObject({ health: 0, breaker: 'OPEN' });
    await expect(guarded.send(request, soon())).rejects.toBeInstanceOf(ProviderUnreachableError);
    expect(provider.calls).toEqual([]);
  });

  test.each([
    ['a payout that is declined', () => DECLINED],
    ['"not certain yet"', notYet],
    ['a success', () => DONE],
  ])('counts %s as a good answer', async (_what, answer) => {
    const guarded = resilient();
    for (let n = 0; n < 3; n++) {
      provider.next = [unknown, unknown, unknown, unknown, answer];
      for (let call = 0; call < 4; call++) await guarded.send(request, soon()).catch(() => null);
      await guarded.find(wanted, soon()).catch(() => null);
      expect(guarded.state().breaker).toBe('CLOSED');
    }
  });

  test('never opens by declines alone', async () => {
    const guarded = resilient();
    provider.next = Array.from({ length: 20 }, () => () => DECLINED);
    for (let n = 0; n < 20; n++) expect(await guarded.send(request, soon())).toBe(DECLINED);
    expect(guarded.state()).toMatchObject({ health: 100, breaker: 'CLOSED' });
  });

  test('lets one call try after a minute: well closes it, a fault opens it for another minute', async () => {
    const guarded = resilient();
    await openBreaker(guarded);
    now += POLICY.providers.breaker.openMs - 1;
    await expect(guarded.send(request, soon())).rejects.toBeInstanceOf(ProviderUnreachableError);
    expect(provider.calls).toEqual([]);
    now += 1;
    provider.next = [unknown];
    await expect(guarded.send(request, soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    expect(guarded.state().breaker).toBe('OPEN');
    await expect(guarded.send(request, soon())).rejects.toBeInstanceOf(ProviderUnreachableError);
    expect(provider.calls).toHaveLength(1);
    now += POLICY.providers.breaker.openMs;
    expect(await guarded.send(request, soon())).toBe(DONE);
    expect(guarded.state().breaker).toBe('CLOSED');
  });

  test('while one call tries, others wait for what comes of it', async () => {
    const guarded = resilient();
    await openBreaker(guarded);
    now += POLICY.providers.breaker.openMs;
    let finish: (payout: Payout) => void = () => {};
    provider.next = [() => new Promise<Payout>((resolve) => (finish = resolve))];
    const all = Promise.all(Array.from({ length: 4 }, () => guarded.send(request, soon())));
    await until('one is under way', () => provider.calls.length === 1);
    expect(guarded.state().breaker).toBe('HALF_OPEN');
    expect(provider.calls).toHaveLength(1);
    finish(DONE);
    expect(await all).toEqual([DONE, DONE, DONE, DONE]);
  });

  test('sends nothing for a caller who has gone while he waited for somebody else’s try', async () => {
    const guarded = resilient();
    await openBreaker(guarded);
    now += POLICY.providers.breaker.openMs;
    let finish: (payout: Payout) => void = () => {};
    provider.next = [() => new Promise<Payout>((resolve) => (finish = resolve))];
    const first = guarded.send(request, soon());
    await until('it is under way', () => provider.calls.length === 1);
    const leaving = new AbortController();
    const gone = expect(guarded.send(request, leaving.signal)).rejects.toBeInstanceOf(ProviderUnreachableError);
    leaving.abort();
    finish(DONE);
    expect(await first).toBe(DONE);
    await gone;
    expect(provider.calls).toHaveLength(1);
  });

  test('always lets a question about a payout through, and a good answer closes it', async () => {
    const guarded = resilient({ retries: { ...quick, most: 0 } });
    await openBreaker(guarded);
    provider.next = [unknown];
    await expect(guarded.find(wanted, soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    expect(guarded.state().breaker).toBe('OPEN');
    await expect(guarded.send(request, soon())).rejects.toBeInstanceOf(ProviderUnreachableError);
    expect(await guarded.find(wanted, soon())).toBe(DONE);
    expect(guarded.state().breaker).toBe('CLOSED');
    expect(provider.calls).toEqual(['find', 'find']);
    expect(await guarded.send(request, soon())).toBe(DONE);
  });
});

describe('the bulkhead', () => {
  test('lets so many through at a time, makes some wait, and turns more away unsent', async () => {
    const guarded = resilient({ atOnce: 2, mostWaiting: 3, retries: { ...quick, most: 0 } });
    const finish: (() => void)[] = [];
    provider.next = Array.from(
      { length: 5 },
      () => () => new Promise<Payout>((resolve) => finish.push(() => resolve(DONE))),
    );
    const sends = Array.from({ length: 7 }, () => guarded.send(request, soon()));
    const outcomes = Promise.allSettled(sends);
    for (let done = 0; done < 5; done++) {
      await until('one can be ended', () => finish.length > 0);
      finish.shift()!();
    }
    const settled = await outcomes;
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    for (const each of settled) {
      if (each.status === 'rejected') expect(each.reason).toBeInstanceOf(ProviderUnreachableError);
    }
    expect([provider.mostUnderWay, provider.calls.length]).toEqual([2, 5]);
    // Who is turned away says nothing about the provider.
    expect(guarded.state()).toMatchObject({ health: 100, breaker: 'CLOSED' });
  });
});

describe('health', () => {
  test('falls with faults, counts recent calls more, and comes back by itself', async () => {
    const guarded = resilient({ retries: { ...quick, most: 0 } });
    expect(guarded.state().health).toBe(100);
    provider.next = [unknown, unknown];
    for (let n = 0; n < 2; n++) await guarded.find(wanted, soon()).catch(() => null);
    const low = guarded.state().health;
    expect(low).toBeLessThan(60);
    now += POLICY.providers.healthHalfLifeMs;
    const later = guarded.state().health;
    expect(later).toBeGreaterThan(low);
    await guarded.send(request, soon());
    expect(guarded.state().health).toBeGreaterThan(later);
    now += 100 * POLICY.providers.healthHalfLifeMs;
    expect(guarded.state().health).toBeCloseTo(100, 5);
  });

  test('says when it was last asked for', async () => {
    const guarded = resilient();
    expect(guarded.state().checkedAt).toBeNull();
    await guarded.checkHealth(soon());
    expect(guarded.state().checkedAt).toEqual(new Date(now));
  });
});
