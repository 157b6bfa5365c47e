import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type TransferId, type UserId } from '../../platform/ids.ts';
import { until } from '../../tests/until.ts';
import { ProviderOutcomeUnknownError, type CardProvider } from '../card-provider.ts';
import {
  ProviderNotCertainYetError,
  ProviderUnreachableError,
  type Payout,
  type PayoutProvider,
  type PayoutRequest,
  type ProviderNotice,
} from '../payout-provider.ts';
import { startStripeSimulator, type StripeSimulator } from '../simulators/stripe/stripe-simulator.ts';
import { createStripeCards } from './stripe-cards.ts';
import { createStripePayouts } from './stripe-payouts.ts';
import { createStripeWebhooks } from './stripe-webhooks.ts';

const KEY = 'sk_test_refundTests00001';
const SECRET = 'whsec_refund_tests';
const TO_REFUND = 'POST /v1/refunds';
const HOUR_MS = 3_600_000;
const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-stripe-refunds-'));
const file = path.join(directory, 'stripe.jsonl');
const notices: ProviderNotice[] = [];
const heard = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const header = request.headers['stripe-signature'];
    const asked = { headers: { 'stripe-signature': String(header) }, body: Buffer.concat(chunks) };
    notices.push(createStripeWebhooks(SECRET).read(asked, new Date()) as ProviderNotice);
    response.end();
  });
});
let simulator: StripeSimulator;
let cards: CardProvider;
let payouts: PayoutProvider;

const soon = (ms = 120_000) => AbortSignal.timeout(ms);
const open = () => startStripeSimulator({ file, secretKey: KEY, webhookSecret: SECRET, payoutStepMs: 5 });
const connect = () => {
  cards = createStripeCards({ secretKey: KEY, url: simulator.url });
  payouts = createStripePayouts({ secretKey: KEY, url: simulator.url });
};

beforeAll(async () => {
  heard.listen(0, '127.0.0.1');
  await once(heard, 'listening');
  simulator = await open();
  connect();
  simulator.sendWebhooksTo(`http://127.0.0.1:${(heard.address() as { port: number }).port}/`);
});
afterEach(() => simulator.calm());
afterAll(async () => {
  await simulator.close();
  heard.close();
  rmSync(directory, { recursive: true });
});

/** Charges a card of such a kind 50.00 USD for a deposit. */
async function charged(token = 'pm_card_visa'): Promise<TransferId> {
  const { reference } = await cards.saveCard(token, newId<UserId>(), soon());
  const transferId = newId<TransferId>();
  const request = { key: `deposit_${transferId}`, transferId, reference, amountMinor: 5_000n, currency: 'USD' };
  expect(await cards.charge(request, soon())).toMatchObject({ outcome: 'SUCCEEDED' });
  return transferId;
}

function refund(depositId: TransferId, amountMinor = 5_000n, transferId = newId<TransferId>()): PayoutRequest {
  const destination = { kind: 'CHARGE' as const, depositId, holder: 'Ada' };
  const key = transferId.replaceAll('-', '');
  return { key, transferId, amountMinor, currency: 'USD', destination, description: null };
}

const send = (asked: PayoutRequest) => payouts.send(asked, soon());

function find(asked: PayoutRequest, sentAt = new Date()): Promise<Payout | null> {
  const { key, transferId, destination } = asked;
  const depositId = destination.kind === 'CHARGE' ? destination.depositId : undefined;
  return payouts.find({ key, transferId, sentAt, ...(depositId && { depositId }) }, soon());
}

const refundsOf = ({ transferId }: PayoutRequest) =>
  simulator.refunds().filter((each) => each.transferId === transferId);

describe('a refund of a charge', () => {
  test('goes back to the card at once, and is found by what it was done for', async () => {
    const asked = refund(await charged());
    const done = { outcome: 'SUCCEEDED', reference: expect.stringMatching(/^re_/), feeMinor: null };
    expect(await send(asked)).toEqual(done);
    expect(await find(asked)).toEqual(done);
    expect(refundsOf(asked)).toMatchObject([{ amount: 5_000, status: 'succeeded' }]);
  });

  test('is done once under one key, however often it is asked for', async () => {
    const asked = refund(await charged(), 2_000n);
    const first = await send(asked);
    expect(await Promise.all([send(asked), send(asked)])).toEqual([first, first]);
    expect(refundsOf(asked)).toHaveLength(1);
  });

  test('in parts is never more than what is left', async () => {
    const depositId = await charged();
    expect(await send(refund(depositId, 2_000n))).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(await send(refund(depositId, 3_001n))).toMatchObject({ outcome: 'DECLINED', code: 'invalid_amount' });
    expect(await send(refund(depositId, 3_000n))).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(await send(refund(depositId, 1n))).toMatchObject({ outcome: 'DECLINED', code: 'charge_already_refunded' });
  });

  test('of a deposit that nobody charged is declined', async () => {
    expect(await send(refund(newId<TransferId>()))).toMatchObject({ outcome: 'DECLINED', code: 'charge_not_found' });
  });

  test('of the card whose refunds take time is pending first, and told when it has succeeded', async () => {
    const asked = refund(await charged('pm_card_pendingRefund'));
    expect(await send(asked)).toMatchObject({ outcome: 'PENDING', step: 'BANK_PROCESSING' });
    await until('it has succeeded', async () => (await find(asked))?.outcome === 'SUCCEEDED');
    const told = () => notices.filter(({ transferId }) => transferId === asked.transferId);
    await until('all is told', () => told().length === 3);
    expect(told().map(({ type, payout }) => [type, payout?.outcome])).toEqual(
      expect.arrayContaining([
        ['refund.created', 'PENDING'],
        ['refund.updated', 'SUCCEEDED'],
        ['charge.refund.updated', 'SUCCEEDED'],
      ]),
    );
  });

  test('that succeeded and failed later came back; one that never succeeded was declined', async () => {
    const back = refund(await charged('pm_card_refundFail'));
    expect(await send(back)).toMatchObject({ outcome: 'SUCCEEDED' });
    await until('it has failed', () => refundsOf(back)[0]?.status === 'failed');
    expect(await find(back)).toMatchObject({ outcome: 'RETURNED', code: 'expired_or_canceled_card' });
    const told = () =>
      notices.find(({ transferId, type }) => transferId === back.transferId && type === 'refund.failed');
    await until('it is told', () => told() !== undefined);
    // That it failed says nothing by itself: it is asked for.
    expect(told()).toMatchObject({ payout: null, key: back.key });

    simulator.disturb({ effect: 'PROCESSING', on: TO_REFUND });
    const never = refund(await charged());
    expect(await send(never)).toMatchObject({ outcome: 'PENDING' });
    expect(await simulator.settleRefund(refundsOf(never)[0]!.id, false)).toBe(true);
    expect(await find(never)).toMatchObject({ outcome: 'DECLINED', code: 'unknown' });
  });

  test('tells its deposit that the charge was refunded, and nothing else of it', async () => {
    const depositId = await charged();
    await send(refund(depositId, 1_000n));
    const told = () => notices.find(({ type, transferId }) => type === 'charge.refunded' && transferId === depositId);
    await until('it is told', () => told() !== undefined);
    expect(told()).toMatchObject({ payout: null, key: null });
  });
});

/** Of so long ago. */
function oldId(ageMs: number): TransferId {
  const time = (Date.now() - ageMs).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}${newId<TransferId>().slice(13)}` as TransferId;
}

// On a connection that was used before, the SDK asks again once when it breaks, under the same key: it has to break twice.
describe('what became of a refund is', () => {
  test('unknown when the answer is lost after it was done, and found afterwards', async () => {
    const asked = refund(await charged());
    simulator.disturb({ effect: 'DROP_AFTER', on: TO_REFUND, times: 2 });
    await expect(send(asked)).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    expect(await find(asked)).toMatchObject({ outcome: 'SUCCEEDED' });
    // Its own key says the same, and does nothing again.
    expect(await send(asked)).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(refundsOf(asked)).toHaveLength(1);
  });

  test('"not here" only when a request can be under way no more', async () => {
    const asked = refund(await charged());
    simulator.disturb({ effect: 'DROP_BEFORE', on: TO_REFUND, times: 2 });
    await expect(send(asked)).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    await expect(find(asked)).rejects.toBeInstanceOf(ProviderNotCertainYetError);
    expect(await find(asked, new Date(Date.now() - HOUR_MS))).toBeNull();
  });

  test('looked up before anything is sent when its key is too old to protect it', async () => {
    const depositId = await charged();
    const asked = refund(depositId, 2_000n, oldId(30 * HOUR_MS));
    expect(await send(asked)).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(await send({ ...asked, key: 'a-key-that-was-forgotten' })).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(refundsOf(asked)).toHaveLength(1);
  });

  test('clear when Stripe cannot be reached: nothing was sent', async () => {
    const nobody = createServer();
    nobody.listen(0, '127.0.0.1');
    await once(nobody, 'listening');
    const { port } = nobody.address() as { port: number };
    nobody.close();
    await once(nobody, 'close');
    const away = createStripePayouts({ secretKey: KEY, url: `http://127.0.0.1:${port}` });
    await expect(away.send(refund(newId<TransferId>()), soon())).rejects.toBeInstanceOf(ProviderUnreachableError);
  });

  test('known after the simulator was restarted', async () => {
    const asked = refund(await charged('pm_card_pendingRefund'));
    await send(asked);
    await simulator.close();
    simulator = await open();
    connect();
    await until('it goes on', async () => (await find(asked))?.outcome === 'SUCCEEDED');
    expect(refundsOf(asked)).toHaveLength(1);
  });
});

test('a refund costs nothing, and only refunds go that way', () => {
  const offer = payouts.offer({ kind: 'CHARGE', amountMinor: 1n, currency: 'USD' });
  expect(offer).toMatchObject({ providerFeeMinor: 0n, networkFeeMinor: 0n });
});
