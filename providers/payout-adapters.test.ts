import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type TransferId } from '../platform/ids.ts';
import { timeUpWhen } from '../tests/time-up.ts';
import { until } from '../tests/until.ts';
import { createFlutterwavePayouts } from './flutterwave/flutterwave-payouts.ts';
import {
  ProviderNotCertainYetError,
  ProviderUnreachableError,
  type PayoutDestination,
  type PayoutProvider,
  type PayoutRequest,
} from './payout-provider.ts';
import { ProviderOutcomeUnknownError } from './card-provider.ts';
import { createPaystackPayouts } from './paystack/paystack-payouts.ts';
import { startFlutterwaveSimulator } from './simulators/flutterwave/flutterwave-simulator.ts';
import { startPaystackSimulator } from './simulators/paystack/paystack-simulator.ts';
import type { PayoutSimulator } from './simulators/payouts/payout-simulator.ts';

/* What both adapters promise, over HTTP against the simulators. */
const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-payouts-'));
afterAll(() => rmSync(directory, { recursive: true }));

const soon = (ms = 120_000) => AbortSignal.timeout(ms);
const LONG_AGO = new Date(Date.now() - 3_600_000);

const PROVIDERS = [
  {
    name: 'Paystack',
    toSend: 'POST /transfer',
    toAsk: 'GET /transfer/verify',
    fee: 10_00n,
    refusal: 'insufficient_balance',
    account: 'invalid_account_number',
    failed: 'failed',
    start: (file: string) => startPaystackSimulator({ file, secretKey: 'sk_test_adapters0001', delayMs: 40 }),
    connect: (url: string, inFlightMs?: number) =>
      createPaystackPayouts({ secretKey: 'sk_test_adapters0001', url, ...(inFlightMs && { inFlightMs }) }),
  },
  {
    name: 'Flutterwave',
    toSend: 'POST /v3/transfers',
    toAsk: 'GET /v3/transfers',
    fee: 10_75n,
    refusal: 'insufficient_balance',
    account: 'invalid_account',
    failed: 'failed',
    start: (file: string) =>
      startFlutterwaveSimulator({ file, secretKey: 'FLWSECK_TEST-adapters', webhookSecret: 'hash', delayMs: 40 }),
    connect: (url: string, inFlightMs?: number) =>
      createFlutterwavePayouts({ secretKey: 'FLWSECK_TEST-adapters', url, ...(inFlightMs && { inFlightMs }) }),
  },
] as const;

describe.each(PROVIDERS)('$name', ({ name, toSend, toAsk, fee, refusal, account, failed, start, connect }) => {
  const file = path.join(directory, `${name}.jsonl`);
  let simulator: PayoutSimulator;
  let payouts: PayoutProvider;
  /** Of tests that start or connect more; closing twice is fine. */
  const opened: (() => Promise<void> | undefined)[] = [];
  const startAnother = async (own: string) => {
    const another = await start(own);
    opened.push(() => another.close());
    return another;
  };
  const connectAnother = (url: string, inFlightMs?: number) => {
    const another = connect(url, inFlightMs);
    opened.push(() => another.close?.());
    return another;
  };

  beforeAll(async () => {
    simulator = await start(file);
    payouts = connect(simulator.url);
  });
  afterEach(async () => {
    simulator.calm();
    for (const close of opened.splice(0)) await close()?.catch(() => {});
  });
  afterAll(async () => {
    await payouts.close?.();
    await simulator.close();
  });

  const bank = (accountNumber = '0123456789'): PayoutDestination => ({
    kind: 'BANK_ACCOUNT',
    bankCode: '058',
    accountNumber,
    holder: 'Ada Obi',
  });
  const request = (change: Partial<PayoutRequest> = {}): PayoutRequest => {
    const transferId = newId<TransferId>();
    const key = transferId.replaceAll('-', '');
    return {
      key,
      transferId,
      amountMinor: 1_234_56n,
      currency: 'NGN',
      destination: bank(),
      description: 'Rent',
      ...change,
    };
  };
  const taken = ({ key }: PayoutRequest) => simulator.payouts().filter(({ reference }) => reference === key);
  const find = ({ key, transferId }: PayoutRequest, sentAt = LONG_AGO, by = payouts) =>
    by.find({ key, transferId, sentAt }, soon());
  const finished = (payout: PayoutRequest, outcome: string) =>
    until(`${outcome}`, async () => {
      const found = await find(payout);
      return found?.outcome === outcome && found;
    });

  test('takes a payout, works on it, and has paid it with the fee it offered', async () => {
    const payout = request();
    const sent = await payouts.send(payout, soon());
    expect(sent).toEqual({ outcome: 'PENDING', reference: expect.any(String), step: expect.any(String) });
    const paid = await finished(payout, 'SUCCEEDED');
    expect(paid).toEqual({ outcome: 'SUCCEEDED', reference: expect.any(String), feeMinor: fee });
    const offer = payouts.offer({ kind: 'BANK_ACCOUNT', amountMinor: payout.amountMinor, currency: 'NGN' });
    expect(offer?.providerFeeMinor).toBe(fee);
    expect(taken(payout)).toMatchObject([{ amountMinor: '123456', currency: 'NGN', status: 'SUCCEEDED' }]);
  });

  test('pays mobile money', async () => {
    const destination = { kind: 'MOBILE_MONEY', phone: '+254712345678', network: 'MPS', holder: '' } as const;
    const payout = request({ destination, currency: 'KES', amountMinor: 2_000_00n, description: null });
    expect(await payouts.send(payout, soon())).toMatchObject({ outcome: 'PENDING' });
    await finished(payout, 'SUCCEEDED');
    const ghana = { kind: 'MOBILE_MONEY', phone: '+233241234567', network: null, holder: 'Kofi' } as const;
    expect(await payouts.send(request({ destination: ghana, currency: 'GHS' }), soon())).toMatchObject({
      outcome: 'PENDING',
    });
  });

  test.each([
    ['an unknown network', { kind: 'MOBILE_MONEY', phone: '+254712345678', network: 'XX', holder: '' }, 'KES'],
    [
      'a number of another country',
      { kind: 'MOBILE_MONEY', phone: '+4915112345678', network: null, holder: '' },
      'KES',
    ],
    ['a card', { kind: 'CARD', reference: 'cus_1/pm_1', holder: '' }, 'NGN'],
  ] as const)('declines %s before anything is sent', async (_what, destination, currency) => {
    simulator.disturb({ effect: 'ERROR_BEFORE' });
    const payout = request({ destination, currency });
    expect(await payouts.send(payout, soon())).toMatchObject({ outcome: 'DECLINED', reference: null });
    expect(taken(payout)).toEqual([]);
  });

  test('says with its own code why it declines', async () => {
    for (const [number, code] of [
      ['0123450001', refusal],
      ['0123450008', account],
    ] as const) {
      const payout = request({ destination: bank(number) });
      expect(await payouts.send(payout, soon())).toMatchObject({ outcome: 'DECLINED', reference: null, code });
      expect(taken(payout)).toEqual([]);
    }
  });

  test('says when a payout failed, stays under way, or came back', async () => {
    const [fails, stays, returns] = ['0123450002', '0123450003', '0123450004'].map((number) =>
      request({ destination: bank(number) }),
    ) as [PayoutRequest, PayoutRequest, PayoutRequest];
    for (const payout of [fails, stays, returns]) {
      expect(await payouts.send(payout, soon())).toMatchObject({ outcome: 'PENDING' });
    }
    expect(await finished(fails, 'DECLINED')).toMatchObject({ code: failed, message: expect.stringContaining('bank') });
    await finished(returns, 'RETURNED');
    expect(await find(stays)).toMatchObject({ outcome: 'PENDING' });
    expect(await simulator.settle(stays.key, 'SUCCEEDED')).toBe(true);
    expect(await find(stays)).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(await simulator.settle(stays.key, 'FAILED')).toBe(false);
    expect(await simulator.settle(stays.key, 'REVERSED')).toBe(true);
    expect(await find(stays)).toMatchObject({ outcome: 'RETURNED' });
  });

  test('pays once however often and at the same time it is asked', async () => {
    const payout = request();
    const answers = await Promise.all(Array.from({ length: 8 }, () => payouts.send(payout, soon())));
    for (const answer of answers) expect(['PENDING', 'SUCCEEDED']).toContain(answer.outcome);
    await finished(payout, 'SUCCEEDED');
    expect(await payouts.send(payout, soon())).toMatchObject({ outcome: 'SUCCEEDED', feeMinor: fee });
    expect(taken(payout)).toHaveLength(1);
  });

  test('does not decline what it refuses now and had taken before', async () => {
    const payout = request();
    await payouts.send(payout, soon());
    // Were it a new one, it would be refused.
    for (const number of ['0123450001', '0123450008']) {
      const again = { ...payout, destination: bank(number) };
      expect((await payouts.send(again, soon())).outcome).not.toBe('DECLINED');
    }
    expect(taken(payout)).toHaveLength(1);
  });

  test('believes nothing of another amount under the same key', async () => {
    const payout = request();
    await payouts.send(payout, soon());
    const other = payouts.send({ ...payout, amountMinor: 1n }, soon());
    await expect(other).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    expect(taken(payout)).toHaveLength(1);
  });

  test.each(['DROP_AFTER', 'ERROR_AFTER', 'GARBLED'] as const)(
    'an answer lost by %s leaves it unknown, and it is found as taken once',
    async (effect) => {
      simulator.disturb({ effect, on: toSend, times: 1 });
      const payout = request();
      const lost = payouts.send(payout, soon());
      await expect(lost).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
      await finished(payout, 'SUCCEEDED');
      simulator.calm();
      expect(await payouts.send(payout, soon())).toMatchObject({ outcome: 'SUCCEEDED' });
      expect(taken(payout)).toHaveLength(1);
    },
  );

  test.each(['0123450006', '0123450007'])(
    'so does the account …%s, which is paid and never told of',
    async (number) => {
      const payout = request({ destination: bank(number) });
      const arrived = timeUpWhen('it is taken', () => taken(payout).length === 1);
      await expect(payouts.send(payout, arrived)).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
      await finished(payout, 'SUCCEEDED');
      expect(taken(payout)).toHaveLength(1);
    },
  );

  test('a refusal whose question is not answered leaves it unknown as well', async () => {
    simulator.disturb({ effect: 'UNAVAILABLE', on: toAsk });
    const payout = request({ destination: bank('0123450001') });
    await expect(payouts.send(payout, soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
  });

  test('a payout that it says it has, and does not show, is unknown', async () => {
    const payout = request();
    await payouts.send(payout, soon());
    simulator.disturb({ effect: 'ERROR_BEFORE', on: toAsk });
    await expect(payouts.send(payout, soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    await expect(find(payout)).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
  });

  test.each(['UNAVAILABLE', 'ERROR_BEFORE', 'DROP_BEFORE'] as const)(
    'what was lost by %s is not here, but only when nothing can arrive any more',
    async (effect) => {
      const payout = request();
      simulator.disturb({ effect, on: toSend });
      await expect(payouts.send(payout, soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
      simulator.calm();
      await expect(find(payout, new Date())).rejects.toBeInstanceOf(ProviderNotCertainYetError);
      expect(await find(payout)).toBeNull();
      const impatient = connectAnother(simulator.url, 1);
      expect(await find(payout, new Date(Date.now() - 50), impatient)).toBeNull();
    },
  );

  test('turned away for its haste or its key, nothing was sent', async () => {
    simulator.disturb({ effect: 'RATE_LIMITED' });
    await expect(payouts.send(request(), soon())).rejects.toBeInstanceOf(ProviderUnreachableError);
    simulator.calm();
    const stranger =
      name === 'Paystack'
        ? createPaystackPayouts({ secretKey: 'sk_test_another', url: simulator.url })
        : createFlutterwavePayouts({ secretKey: 'FLWSECK_TEST-another', url: simulator.url });
    const payout = request();
    await expect(stranger.send(payout, soon())).rejects.toBeInstanceOf(ProviderUnreachableError);
    await expect(stranger.checkHealth(soon())).rejects.toBeInstanceOf(ProviderUnreachableError);
    await stranger.close?.();
    expect(taken(payout)).toEqual([]);
  });

  test('says how it is', async () => {
    await payouts.checkHealth(soon());
    simulator.disturb({ effect: 'UNAVAILABLE' });
    await expect(payouts.checkHealth(soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
  });

  test('ends with its signal', async () => {
    simulator.disturb({ effect: 'WAIT_BEFORE', on: toAsk });
    const began = performance.now();
    const { key, transferId } = request();
    const asked = payouts.find({ key, transferId, sentAt: LONG_AGO }, soon(100));
    await expect(asked).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    expect(performance.now() - began).toBeLessThan(60_000);
    await expect(payouts.checkHealth(AbortSignal.abort())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
  });

  test('ended in the middle of a payout, it goes on from its file, and pays it once', async () => {
    const own = path.join(directory, `${name}-crash.jsonl`);
    const first = await startAnother(own);
    const before = connectAnother(first.url);
    first.disturb({ effect: 'WAIT_AFTER', on: toSend });
    const [payout, slow] = [request(), request({ destination: bank('0123450005') })] as const;
    const lost = expect(before.send(payout, soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    await until('it was taken', () => first.payouts().some(({ reference }) => reference === payout.key));
    await first.close();
    await lost;
    await expect(before.send(slow, soon())).rejects.toBeInstanceOf(ProviderUnreachableError);

    const second = await startAnother(own);
    const after = connectAnother(second.url);
    await until('it is paid', async () => (await find(payout, LONG_AGO, after))?.outcome === 'SUCCEEDED');
    expect(await after.send(payout, soon())).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(second.payouts()).toHaveLength(1);
    expect(await find(slow, LONG_AGO, after)).toBeNull();
  });
});
