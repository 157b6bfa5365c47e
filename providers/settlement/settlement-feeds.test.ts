import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type TransferId, type UserId } from '../../platform/ids.ts';
import { until } from '../../tests/until.ts';
import { createFlutterwavePayouts } from '../flutterwave/flutterwave-payouts.ts';
import { createFlutterwaveSettlements } from '../flutterwave/flutterwave-settlements.ts';
import type { PayoutDestination, PayoutProvider } from '../payout-provider.ts';
import { createPaystackPayouts } from '../paystack/paystack-payouts.ts';
import { createPaystackSettlements } from '../paystack/paystack-settlements.ts';
import { startFlutterwaveSimulator } from '../simulators/flutterwave/flutterwave-simulator.ts';
import type { PayoutSimulator } from '../simulators/payouts/payout-simulator.ts';
import { startPaystackSimulator } from '../simulators/paystack/paystack-simulator.ts';
import { startStripeSimulator, type StripeSimulator } from '../simulators/stripe/stripe-simulator.ts';
import { createStripeCards } from '../stripe/stripe-cards.ts';
import { createStripePayouts } from '../stripe/stripe-payouts.ts';
import { createStripeSettlements } from '../stripe/stripe-settlements.ts';
import type { SettlementFeed } from './settlement-feed.ts';
import type { SettlementReport } from './settlement-report.ts';

/* Each provider's statement in its own wire format, by its adapter. */

const KEY = 'sk_test_settlementFeeds1';
const DAY = '2026-11-20';
const folder = mkdtempSync(path.join(tmpdir(), 'dwaybank-feeds-'));
/** What the simulators take for the time; it goes on from where a test puts it. */
let clock = Date.parse(`${DAY}T10:00:00Z`);
const now = () => (clock += 1_000);
let paystack: PayoutSimulator;
let flutterwave: PayoutSimulator;
let stripe: StripeSimulator;

const soon = () => AbortSignal.timeout(120_000);
const of = (name: string) => ({ file: path.join(folder, name), secretKey: KEY, webhookSecret: KEY, delayMs: 1, now });

beforeAll(async () => {
  paystack = await startPaystackSimulator(of('paystack'));
  flutterwave = await startFlutterwaveSimulator(of('flutterwave'));
  stripe = await startStripeSimulator({ ...of('stripe'), payoutStepMs: 1 });
});
afterAll(async () => {
  await Promise.all([paystack, flutterwave, stripe].map((simulator) => simulator.close()));
  rmSync(folder, { recursive: true });
});

async function pay(
  provider: PayoutProvider,
  destination: PayoutDestination,
  amount: { amountMinor: bigint; currency: string },
): Promise<string> {
  const transferId = newId<TransferId>();
  const key = transferId.replaceAll('-', '');
  await provider.send({ key, transferId, ...amount, destination, description: null }, soon());
  return key;
}

async function read(feed: SettlementFeed, currency: string, day = DAY): Promise<SettlementReport | undefined> {
  const reports = await feed.readDay(day, { currencies: [currency] }, soon());
  return reports.find((report) => report.currency === currency);
}

const shown = ({ lines }: SettlementReport) =>
  lines.map(({ kind, amountMinor, reference }) => `${kind} ${amountMinor} ${reference ?? '-'}`);

describe('Paystack’s balance ledger', () => {
  const account = { kind: 'BANK_ACCOUNT', bankCode: '058', holder: 'Ada' } as const;

  test('tells payments, what was taken for them, what came back and what the bank put in, on the days of each', async () => {
    const feed = createPaystackSettlements({ secretKey: KEY, url: paystack.url });
    const payouts = createPaystackPayouts({ secretKey: KEY, url: paystack.url });
    const key = await pay(
      payouts,
      { ...account, accountNumber: '0123456789' },
      { amountMinor: 1_000_00n, currency: 'ZAR' },
    );
    await until('it is paid', () => paystack.payouts()[0]!.status === 'SUCCEEDED');
    await paystack.topUp('ZAR', 5_000_00n);
    clock = Date.parse('2026-11-21T10:00:00Z');
    await paystack.settle(key, 'REVERSED');
    const report = await read(feed, 'ZAR');
    expect(shown(report!)).toEqual([`PAYMENT -100000 ${key}`, `CHARGE -300 ${key}`, 'OWN_FUNDS 500000 -']);
    expect(report!.closingMinor! - report!.openingMinor!).toBe(500_000n - 100_300n);
    const next = await read(feed, 'ZAR', '2026-11-21');
    expect(shown(next!)).toEqual([`PAYMENT 100000 ${key}`, `CHARGE 300 ${key}`]);
    expect(next!.openingMinor).toBe(report!.closingMinor);
    expect(await read(feed, 'ZAR', '2026-11-22')).toBeUndefined();
    clock = Date.parse(`${DAY}T12:00:00Z`);
  });

  test('is read page by page, and whole or not at all', async () => {
    const feed = createPaystackSettlements({ secretKey: KEY, url: paystack.url });
    for (let number = 1; number <= 230; number++) await paystack.topUp('GHS', BigInt(number));
    expect((await read(feed, 'GHS'))!.lines.map(({ amountMinor }) => amountMinor)).toEqual(
      Array.from({ length: 230 }, (_, index) => BigInt(index + 1)),
    );
    paystack.disturb({ effect: 'UNAVAILABLE', on: 'GET /balance/ledger', times: 1 });
    await expect(read(feed, 'GHS')).rejects.toThrow('status 503');
  });
});

describe('Flutterwave’s wallet statement', () => {
  const phone = { kind: 'MOBILE_MONEY', phone: '+256712345678', network: 'MTN', holder: 'Ada' } as const;

  test('tells the same, and keeps what it took for what came back', async () => {
    clock = Date.parse(`${DAY}T10:00:00Z`);
    const feed = createFlutterwaveSettlements({ secretKey: KEY, url: flutterwave.url });
    const payouts = createFlutterwavePayouts({ secretKey: KEY, url: flutterwave.url });
    const key = await pay(payouts, phone, { amountMinor: 100_000n, currency: 'UGX' });
    await until('it is paid', () => flutterwave.payouts()[0]!.status === 'SUCCEEDED');
    for (let number = 1; number <= 45; number++) await flutterwave.topUp('UGX', BigInt(number));
    clock = Date.parse('2026-11-21T10:00:00Z');
    await flutterwave.settle(key, 'REVERSED');
    const report = await read(feed, 'UGX');
    expect(shown(report!).slice(0, 3)).toEqual([`PAYMENT -100000 ${key}`, `CHARGE -1000 ${key}`, 'OWN_FUNDS 1 -']);
    expect(report!.lines).toHaveLength(47);
    expect(shown((await read(feed, 'UGX', '2026-11-21'))!)).toEqual([`PAYMENT 100000 ${key}`]);
  });
});

describe('Stripe’s balance transactions', () => {
  test('tell charges, payouts and what came back, each with what Stripe took, and add up to its balance', async () => {
    const options = { secretKey: KEY, url: stripe.url };
    const cards = createStripeCards(options);
    const payouts = createStripePayouts(options);
    const { reference } = await cards.saveCard('pm_card_visa_debit', newId<UserId>(), soon());
    const transferId = newId<TransferId>();
    const charge = { key: 'deposit', transferId, reference, amountMinor: 200_00n, currency: 'USD' };
    await cards.charge(charge, soon());
    const key = await pay(
      payouts,
      { kind: 'CARD', reference, holder: 'Ada' },
      { amountMinor: 50_00n, currency: 'USD' },
    );
    await until('it is paid', () => stripe.payouts()[0]!.status === 'paid');
    await stripe.settlePayout(stripe.payouts()[0]!.id, false);
    const report = (await read(createStripeSettlements(options), 'USD', new Date().toISOString().slice(0, 10)))!;
    expect(shown(report)).toEqual([
      `PAYMENT 20000 ${transferId.replaceAll('-', '')}`,
      `CHARGE -610 ${transferId.replaceAll('-', '')}`,
      `PAYMENT -5000 ${key}`,
      `CHARGE -75 ${key}`,
      `PAYMENT 5000 ${key}`,
      `CHARGE 0 ${key}`,
    ]);
    expect(report.closingMinor).toBe(report.openingMinor! + 20_000n - 610n - 75n);
    // Of tomorrow nothing is told yet, and the balance is still what it was.
    const later = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
    expect(await read(createStripeSettlements(options), 'USD', later)).toMatchObject({
      lines: [],
      closingMinor: report.closingMinor,
    });
  });
});
