import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type TransferId, type UserId } from '../../platform/ids.ts';
import { timeUpWhen } from '../../tests/time-up.ts';
import { until } from '../../tests/until.ts';
import { ProviderOutcomeUnknownError, type CardProvider } from '../card-provider.ts';
import {
  ProviderNotCertainYetError,
  ProviderUnreachableError,
  type Payout,
  type PayoutProvider,
  type PayoutRequest,
} from '../payout-provider.ts';
import { startStripeSimulator, type StripeSimulator } from '../simulators/stripe/stripe-simulator.ts';
import { createStripeCards } from './stripe-cards.ts';
import { createStripePayouts } from './stripe-payouts.ts';

const KEY = 'sk_test_payoutTests00001';
const TO_PAY = 'POST /v1/payouts';
const HOUR_MS = 3_600_000;
const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-stripe-payouts-'));
const file = path.join(directory, 'stripe.jsonl');
let simulator: StripeSimulator;
let cards: CardProvider;
let payouts: PayoutProvider;
let visa: string;

const soon = (ms = 120_000) => AbortSignal.timeout(ms);
const open = () => startStripeSimulator({ file, secretKey: KEY, payoutStepMs: 5 });
const save = async (token: string) => (await cards.saveCard(token, newId<UserId>(), soon())).reference;

beforeAll(async () => {
  simulator = await open();
  cards = createStripeCards({ secretKey: KEY, url: simulator.url });
  payouts = createStripePayouts({ secretKey: KEY, url: simulator.url });
  visa = await save('pm_card_visa_debit');
});
afterEach(() => simulator.calm());
afterAll(async () => {
  await simulator.close();
  rmSync(directory, { recursive: true });
});

function request(more: Partial<PayoutRequest> & { card?: string } = {}): PayoutRequest {
  const transferId = more.transferId ?? newId<TransferId>();
  const destination = { kind: 'CARD' as const, reference: more.card ?? visa, holder: 'Ada Lovelace' };
  const key = transferId.replaceAll('-', '');
  return { key, transferId, amountMinor: 5_000n, currency: 'USD', destination, description: 'Rent “May”', ...more };
}

function find({ key, transferId }: PayoutRequest, sentAt = new Date()): Promise<Payout | null> {
  return payouts.find({ key, transferId, sentAt }, soon());
}

function paid({ transferId }: PayoutRequest) {
  return simulator.payouts().filter((payout) => payout.transferId === transferId);
}

async function endOf(asked: PayoutRequest) {
  const decided = await until('it is decided', async () => {
    const payout = await find(asked);
    return payout && payout.outcome !== 'PENDING' ? payout : null;
  });
  return decided!;
}

describe('a payout to a card', () => {
  test('is under way first and then paid', async () => {
    const asked = request();
    const sent = await payouts.send(asked, soon());
    expect(sent).toEqual({ outcome: 'PENDING', reference: expect.stringMatching(/^po_/), step: 'BANK_PROCESSING' });
    const payout = await endOf(asked);
    expect(payout).toMatchObject({ outcome: 'SUCCEEDED', reference: (sent as { reference: string }).reference });
    expect(paid(asked)).toMatchObject([{ amount: 5_000, currency: 'usd', status: 'paid' }]);
  });

  test.each([
    ['pm_card_chargeDeclined', 'declined'],
    ['pm_card_chargeDeclinedExpiredCard', 'unsupported_card'],
    ['pm_card_chargeDeclinedProcessingError', 'could_not_process'],
  ])('that the bank of %s does not take is declined: %s', async (token, code) => {
    const asked = request({ card: await save(token) });
    await payouts.send(asked, soon());
    expect(await endOf(asked)).toMatchObject({ outcome: 'DECLINED', code });
  });

  test('that fails after it was paid has come back, which is not the same as declined', async () => {
    const asked = request();
    await payouts.send(asked, soon());
    const payout = await endOf(asked);
    expect(payout.outcome).toBe('SUCCEEDED');
    await simulator.settlePayout(payout.reference!, false);
    expect(await find(asked)).toMatchObject({
      outcome: 'RETURNED',
      reference: payout.reference,
      code: 'could_not_process',
    });

    const back = request({ card: await save('pm_card_chargeCustomerFail') });
    await payouts.send(back, soon());
    await until('it came back', async () => (await find(back))?.outcome === 'RETURNED');
  });

  test('of more than the account has is declined, and so is one to a card that Stripe does not know', async () => {
    const large = request({ amountMinor: 950_000n });
    expect(await payouts.send(large, soon())).toMatchObject({ outcome: 'DECLINED', code: 'balance_insufficient' });
    const unknown = request({ card: 'cus_1/pm_nobody' });
    expect(await payouts.send(unknown, soon())).toMatchObject({ outcome: 'DECLINED', code: 'resource_missing' });
    expect([...paid(large), ...paid(unknown)]).toEqual([]);
  });

  test.each([
    ['ISK', 5_000n, 500_000],
    ['JPY', 5_000n, 5_000],
    ['KWD', 5_120n, 5_120],
  ])('in %s of %d minor units asks for %d', async (currency, amountMinor, amount) => {
    const asked = request({ currency, amountMinor });
    await payouts.send(asked, soon());
    expect(paid(asked)).toMatchObject([{ amount, currency: currency.toLowerCase() }]);
  });
});

describe('one key', () => {
  test('is paid once, one after the other and at the same time', async () => {
    const asked = request();
    const first = await payouts.send(asked, soon());
    expect(await payouts.send(asked, soon())).toMatchObject({ reference: (first as { reference: string }).reference });
    const double = request();
    const sent = await Promise.allSettled(Array.from({ length: 8 }, () => payouts.send(double, soon())));
    for (const each of sent) {
      if (each.status === 'rejected') expect(each.reason).toBeInstanceOf(ProviderOutcomeUnknownError);
    }
    expect([paid(asked).length, paid(double).length]).toEqual([1, 1]);
  });

  test('that is older than Stripe keeps keys is looked up before it is paid', async () => {
    const then = (Date.now() - 2 * 24 * HOUR_MS).toString(16).padStart(12, '0');
    const transferId = `${then.slice(0, 8)}-${then.slice(8)}-${newId<TransferId>().slice(14)}` as TransferId;
    const asked = request({ transferId });
    await payouts.send(asked, soon());
    // A key that Stripe has forgotten is as good as another key.
    await payouts.send({ ...asked, key: '0'.repeat(32) }, soon());
    expect(paid(asked)).toHaveLength(1);
  });
});

describe('what became of a payout', () => {
  test.each([
    ['DROP_AFTER', 1],
    ['DROP_BEFORE', 0],
  ] as const)('is unknown when the answer is lost (%s), and found by asking', async (effect, made) => {
    const asked = request();
    // Twice, because the SDK asks once more under the same key when a connection closes.
    simulator.disturb({ effect, on: TO_PAY, times: 2 });
    await expect(payouts.send(asked, soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    expect(paid(asked)).toHaveLength(made);
    if (made === 1) expect(await endOf(asked)).toMatchObject({ outcome: 'SUCCEEDED' });
    else {
      await expect(find(asked)).rejects.toBeInstanceOf(ProviderNotCertainYetError);
      expect(await find(asked, new Date(Date.now() - HOUR_MS))).toBeNull();
    }
  });

  test('is unknown when the time is up, and when Stripe has trouble', async () => {
    const slow = request();
    simulator.disturb({ effect: 'WAIT_AFTER', on: TO_PAY, times: 1 });
    const arrived = timeUpWhen('the payout has arrived', () => simulator.waiting() === 1);
    await expect(payouts.send(slow, arrived)).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    simulator.calm();
    expect(paid(slow)).toHaveLength(1);
    simulator.disturb({ effect: 'UNAVAILABLE', on: TO_PAY, times: 1 });
    await expect(payouts.send(request(), soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
  });

  test('is certain when nobody was there, or the bank was turned away: nothing was taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await once(server.close(), 'close');
    const nowhere = createStripePayouts({ secretKey: KEY, url: `http://127.0.0.1:${port}` });
    await expect(nowhere.send(request(), soon())).rejects.toBeInstanceOf(ProviderUnreachableError);
    const { key, transferId } = request();
    await expect(nowhere.find({ key, transferId, sentAt: new Date() }, soon())).rejects.toBeInstanceOf(
      ProviderUnreachableError,
    );
    await expect(nowhere.checkHealth(soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    const stranger = createStripePayouts({ secretKey: 'sk_test_stranger', url: simulator.url });
    await expect(stranger.send(request(), soon())).rejects.toBeInstanceOf(ProviderUnreachableError);
    simulator.disturb({ effect: 'RATE_LIMITED', on: TO_PAY, times: 1 });
    await expect(payouts.send(request(), soon())).rejects.toBeInstanceOf(ProviderUnreachableError);
  });

  test('goes on where it was when Stripe comes back', async () => {
    const asked = request();
    simulator.disturb({ effect: 'PROCESSING', on: TO_PAY, times: 1 });
    const held = request();
    await payouts.send(held, soon());
    await payouts.send(asked, soon());
    await simulator.close();
    simulator = await open();
    payouts = createStripePayouts({ secretKey: KEY, url: simulator.url });
    cards = createStripeCards({ secretKey: KEY, url: simulator.url });
    expect(await endOf(asked)).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(await find(held)).toMatchObject({ outcome: 'PENDING' });
    await simulator.settlePayout(paid(held)[0]!.id, true);
    expect(await find(held)).toMatchObject({ outcome: 'SUCCEEDED' });
  });
});

test('offers what Stripe asks, for cards and for amounts that Stripe can count', async () => {
  const card = (amountMinor: bigint, currency = 'USD') => payouts.offer({ kind: 'CARD', amountMinor, currency });
  expect(card(100_000n)).toMatchObject({ providerFeeMinor: 1_500n, networkFeeMinor: 0n });
  expect(card(1_000n)).toMatchObject({ providerFeeMinor: 50n });
  expect(card(100n, 'ISK')).toMatchObject({ providerFeeMinor: 2n });
  expect([card(1_000_000n), card(5_124n, 'KWD'), card(5n, 'BTC')]).toEqual([null, null, null]);
  expect(payouts.offer({ kind: 'IBAN', amountMinor: 1_000n, currency: 'EUR' })).toBeNull();
  await payouts.checkHealth(soon());
});
