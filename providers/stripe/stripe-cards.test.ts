import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type TransferId, type UserId } from '../../platform/ids.ts';
import { timeUpWhen } from '../../tests/time-up.ts';
import { until } from '../../tests/until.ts';
import {
  ProviderOutcomeUnknownError,
  ProviderRefusedError,
  type CardProvider,
  type Charge,
  type ChargeRequest,
} from '../card-provider.ts';
import { startStripeSimulator, type StripeSimulator } from '../simulators/stripe/stripe-simulator.ts';
import { createStripeCards } from './stripe-cards.ts';

/* The adapter with the real SDK, over HTTP against the simulator. */
const KEY = 'sk_test_adapterTests0001';
const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-stripe-'));
const TO_CHARGE = 'POST /v1/payment_intents';
let simulator: StripeSimulator;
let cards: CardProvider;
let visa: string;
const owner = newId<UserId>();

beforeAll(async () => {
  // Its search lags an hour behind, so that what has just been charged is found in the list.
  const file = path.join(directory, 'stripe.jsonl');
  simulator = await startStripeSimulator({ file, secretKey: KEY, searchLagMs: 3_600_000 });
  cards = createStripeCards({ secretKey: KEY, url: simulator.url });
  visa = (await cards.saveCard('pm_card_visa', owner, soon())).reference;
});

afterEach(() => simulator.calm());

afterAll(async () => {
  await simulator.close();
  rmSync(directory, { recursive: true });
});

function soon(ms = 120_000): AbortSignal {
  return AbortSignal.timeout(ms);
}

function request(change: Partial<ChargeRequest> = {}): ChargeRequest {
  const transferId = newId<TransferId>();
  return {
    key: `deposit_${transferId}`,
    transferId,
    reference: visa,
    amountMinor: 5_000n,
    currency: 'USD',
    ...change,
  };
}

function chargesOf({ transferId }: ChargeRequest) {
  return simulator.charges().filter((charge) => charge.transferId === transferId);
}

describe('keeping a card', () => {
  test.each([
    ['pm_card_visa', 'visa', '4242'],
    ['pm_card_mastercard', 'mastercard', '4444'],
    ['pm_card_amex', 'amex', '8431'],
  ])('%s is %s %s, and is found again', async (token, brand, last4) => {
    const card = await cards.saveCard(token, owner, soon());
    expect(card).toMatchObject({ brand, last4 });
    expect(card.expiresYear).toBeGreaterThan(new Date().getUTCFullYear());
    expect(await cards.findCard(card.reference, soon())).toEqual(card);
  });

  test('puts all cards of an owner under one customer, also those of the same moment', async () => {
    const someone = newId<UserId>();
    const kept = await Promise.all([1, 2, 3].map(() => cards.saveCard('pm_card_visa', someone, soon())));
    const references = kept.map(({ reference }) => reference);
    expect(new Set(references).size).toBe(3);
    expect(new Set(references.map((reference) => reference.split('/')[0])).size).toBe(1);
  });

  test.each(['pm_unknown', 'pm_../v1/charges', 'tok_visa', '', 'pm_card_visa?expand=x', `pm_${'x'.repeat(300)}`])(
    'refuses the token %j',
    async (token) => {
      const refused = cards.saveCard(token, owner, soon());
      await expect(refused).rejects.toBeInstanceOf(ProviderRefusedError);
      await expect(refused).rejects.toMatchObject({ code: 'resource_missing' });
    },
  );

  test('does not give one customer the card of another', async () => {
    const [, theirs] = visa.split('/');
    await expect(cards.saveCard(theirs!, newId<UserId>(), soon())).rejects.toMatchObject({ code: 'resource_missing' });
    expect(await cards.findCard(visa, soon())).not.toBeNull();
  });

  test('forgets a removed card for good, and doing it twice is fine', async () => {
    const { reference } = await cards.saveCard('pm_card_visa', owner, soon());
    await cards.removeCard(reference, soon());
    await cards.removeCard(reference, soon());
    expect(await cards.findCard(reference, soon())).toBeNull();
    const late = request({ reference });
    expect(await cards.charge(late, soon())).toMatchObject({ outcome: 'DECLINED' });
    expect(chargesOf(late)).toEqual([]);
    // Nor does it come back by its old name.
    await expect(cards.saveCard(reference.split('/')[1]!, owner, soon())).rejects.toBeInstanceOf(ProviderRefusedError);
  });

  test('forgets a card that was never set up as well', async () => {
    const { reference } = await cards.saveCard('pm_card_chargeDeclined', owner, soon());
    await cards.removeCard(reference, soon());
    expect(await cards.findCard('cus_none/pm_none', soon())).toBeNull();
  });
});

describe('a charge', () => {
  test('takes the money once', async () => {
    const deposit = request();
    const charge = await cards.charge(deposit, soon());
    expect(charge).toEqual({ outcome: 'SUCCEEDED', chargeId: expect.stringMatching(/^pi_/) });
    expect(chargesOf(deposit)).toMatchObject([{ status: 'succeeded', amount: 5_000, currency: 'usd' }]);
  });

  test.each([
    ['pm_card_chargeDeclined', 'card_declined'],
    ['pm_card_visa_chargeDeclined', 'card_declined'],
    ['pm_card_chargeDeclinedInsufficientFunds', 'insufficient_funds'],
    ['pm_card_chargeDeclinedLostCard', 'lost_card'],
    ['pm_card_chargeDeclinedStolenCard', 'stolen_card'],
    ['pm_card_chargeDeclinedExpiredCard', 'expired_card'],
    ['pm_card_chargeDeclinedIncorrectCvc', 'incorrect_cvc'],
    ['pm_card_chargeDeclinedProcessingError', 'processing_error'],
    ['pm_card_chargeCustomerFail', 'card_declined'],
    ['pm_card_authenticationRequired', 'authentication_required'],
  ])('of %s is declined with %s although the card could be linked, and again the next time', async (token, code) => {
    const { reference } = await cards.saveCard(token, owner, soon());
    for (const deposit of [request({ reference }), request({ reference })]) {
      const charge = await cards.charge(deposit, soon());
      expect(charge).toEqual({
        outcome: 'DECLINED',
        chargeId: expect.stringMatching(/^pi_/),
        code,
        message: expect.stringMatching(/./),
      });
      // The same key is answered the same, and is tried no second time.
      expect(await cards.charge(deposit, soon())).toEqual(charge);
      expect(await cards.findCharge(deposit.transferId, soon())).toEqual(charge);
      expect(chargesOf(deposit)).toMatchObject([{ status: 'failed' }]);
    }
  });

  test('that the issuer has not decided yet is pending, and ends as the issuer says', async () => {
    for (const [succeeds, outcome] of [
      [true, 'SUCCEEDED'],
      [false, 'DECLINED'],
    ] as const) {
      simulator.disturb({ effect: 'PROCESSING', on: TO_CHARGE, times: 1 });
      const deposit = request();
      const charge = await cards.charge(deposit, soon());
      expect(charge.outcome).toBe('PENDING');
      expect(await cards.findCharge(deposit.transferId, soon())).toEqual(charge);
      expect(await simulator.settle(charge.chargeId!, succeeds)).toBe(true);
      expect(await cards.findCharge(deposit.transferId, soon())).toMatchObject({ outcome, chargeId: charge.chargeId });
      expect(chargesOf(deposit)).toHaveLength(1);
    }
  });

  test.each([
    ['USD', 5_000n, 5_000],
    ['NGN', 5_000n, 5_000],
    ['JPY', 5_000n, 5_000],
    ['ISK', 5_000n, 500_000],
    ['UGX', 5_000n, 500_000],
    ['KWD', 5_120n, 5_120],
    ['MGA', 500_000n, 5_000],
  ])('in %s of %d minor units asks for %d', async (currency, amountMinor, amount) => {
    const deposit = request({ currency, amountMinor });
    expect(await cards.charge(deposit, soon())).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(chargesOf(deposit)).toMatchObject([{ amount, currency: currency.toLowerCase() }]);
  });

  test.each([
    ['KWD', 5_124n, 'invalid_charge_amount'],
    ['BTC', 5_000n, 'currency_not_supported'],
    ['USD', 10n ** 29n, 'amount_too_large'],
    // These two Stripe says itself.
    ['USD', 49n, 'amount_too_small'],
    ['USD', 100_000_000n, 'amount_too_large'],
  ])('of %s %d that cannot be is declined: %s', async (currency, amountMinor, code) => {
    const deposit = request({ currency, amountMinor });
    expect(await cards.charge(deposit, soon())).toMatchObject({ outcome: 'DECLINED', chargeId: null, code });
    expect(chargesOf(deposit)).toEqual([]);
    expect(await cards.findCharge(deposit.transferId, soon())).toBeNull();
  });
});

describe('one key', () => {
  test('is charged once, however often it is asked one after the other', async () => {
    const deposit = request();
    const first = await cards.charge(deposit, soon());
    for (let n = 0; n < 5; n++) expect(await cards.charge(deposit, soon())).toEqual(first);
    expect(chargesOf(deposit)).toHaveLength(1);
  });

  test('is charged once when asked at the same time; who comes too early does not know', async () => {
    const deposit = request();
    simulator.disturb({ effect: 'WAIT_AFTER', on: TO_CHARGE, times: 1 });
    const first = cards.charge(deposit, soon());
    await until('the first is under way', () => simulator.waiting() === 1);
    const others = await Promise.allSettled(Array.from({ length: 5 }, () => cards.charge(deposit, soon())));
    for (const other of others) {
      expect(other).toMatchObject({ status: 'rejected', reason: expect.any(ProviderOutcomeUnknownError) });
    }
    simulator.calm();
    expect(await first).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(await cards.charge(deposit, soon())).toEqual(await first);
    expect(chargesOf(deposit)).toHaveLength(1);
  });

  test('with another amount is a fault of ours and never "declined"', async () => {
    const deposit = request();
    await cards.charge(deposit, soon());
    const changed = cards.charge({ ...deposit, amountMinor: 6_000n }, soon());
    await expect(changed).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    expect(chargesOf(deposit)).toMatchObject([{ amount: 5_000 }]);
  });

  test('that is older than Stripe keeps keys is looked up before it is charged', async () => {
    // A transfer of two days ago, and a key that Stripe has forgotten: as good as another key.
    const then = (Date.now() - 2 * 86_400_000).toString(16).padStart(12, '0');
    const transferId = `${then.slice(0, 8)}-${then.slice(8)}-${newId<TransferId>().slice(14)}` as TransferId;
    const deposit = request({ transferId });
    const first = await cards.charge(deposit, soon());
    expect(await cards.charge({ ...deposit, key: 'forgotten' }, soon())).toEqual(first);
    expect(chargesOf(deposit)).toHaveLength(1);
  });
});

describe('what became of a charge is unknown', () => {
  async function expectUnknown(deposit: ChargeRequest, signal = soon()): Promise<void> {
    await expect(cards.charge(deposit, signal)).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
  }

  test.each(['DROP_AFTER', 'DROP_BEFORE'] as const)('when the connection breaks: %s', async (effect) => {
    const deposit = request();
    // Twice, because the SDK asks once more under the same key when a connection closes.
    simulator.disturb({ effect, on: TO_CHARGE, times: 2 });
    await expectUnknown(deposit);
    const found = await cards.findCharge(deposit.transferId, soon());
    expect(found?.outcome).toBe(effect === 'DROP_AFTER' ? 'SUCCEEDED' : undefined);
    const charge: Charge = await cards.charge(deposit, soon());
    expect(charge.outcome).toBe('SUCCEEDED');
    expect(chargesOf(deposit)).toHaveLength(1);
  });

  test.each(['WAIT_AFTER', 'WAIT_BEFORE'] as const)('when the time is up: %s', async (effect) => {
    const deposit = request();
    simulator.disturb({ effect, on: TO_CHARGE, times: 1 });
    await expectUnknown(
      deposit,
      timeUpWhen('the charge has arrived', () => simulator.waiting() === 1),
    );
    expect(chargesOf(deposit)).toHaveLength(effect === 'WAIT_AFTER' ? 1 : 0);
    simulator.calm();
    await until('it is decided', () => cards.charge(deposit, soon()).catch(() => null));
    expect(chargesOf(deposit)).toHaveLength(1);
  });

  test.each(['UNAVAILABLE', 'RATE_LIMITED'] as const)('when Stripe has trouble: %s', async (effect) => {
    const deposit = request();
    simulator.disturb({ effect, on: TO_CHARGE, times: 1 });
    await expectUnknown(deposit);
    expect(chargesOf(deposit)).toEqual([]);
    expect(await cards.charge(deposit, soon())).toMatchObject({ outcome: 'SUCCEEDED' });
  });

  test('when there was no time to begin with, and nothing is asked', async () => {
    const deposit = request();
    await expect(cards.charge(deposit, AbortSignal.abort())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    expect(chargesOf(deposit)).toEqual([]);
  });

  test('when nobody is there', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await once(server.close(), 'close');
    const nowhere = createStripeCards({ secretKey: KEY, url: `http://127.0.0.1:${port}` });
    await expect(nowhere.charge(request(), soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    await expect(nowhere.findCharge(newId<TransferId>(), soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    await expect(nowhere.saveCard('pm_card_visa', owner, soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    await expect(nowhere.findCard(visa, soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    await expect(nowhere.removeCard(visa, soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
  });

  test('when the bank is not let in, and no key stands in what is thrown', async () => {
    const secretKey = 'sk_test_aWrongKeyThatMustNotShow';
    const stranger = createStripeCards({ secretKey, url: simulator.url });
    for (const attempt of [stranger.charge(request(), soon()), stranger.saveCard('pm_card_visa', owner, soon())]) {
      const error = await attempt.then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(ProviderOutcomeUnknownError);
      const { message, stack, cause } = error as Error;
      expect(message).toContain('401');
      expect(JSON.stringify([message, stack, cause, error])).not.toContain('WrongKey');
    }
  });
});

describe('answers that make no sense', () => {
  let strange: Server;
  let answer: { status: number; body: string };
  /** What is answered to some requests instead. */
  const answers = new Map<string, string>();
  let strangeCards: CardProvider;
  const asked: string[] = [];
  beforeAll(async () => {
    strange = createServer((message, response) => {
      const what = `${message.method} ${message.url}`;
      asked.push(what);
      const instead = answers.get(what);
      message.resume().on('end', () => {
        if (instead === undefined) response.writeHead(answer.status).end(answer.body);
        else response.writeHead(instead.includes('"error"') ? 400 : 200).end(instead);
      });
    }).listen(0, '127.0.0.1');
    await once(strange, 'listening');
    const { port } = strange.address() as { port: number };
    strangeCards = createStripeCards({ secretKey: KEY, url: `http://127.0.0.1:${port}` });
  });
  afterEach(() => answers.clear());
  afterAll(() => {
    strange.close();
    strange.closeAllConnections();
  });

  const intent = (more: object) => JSON.stringify({ id: 'pi_1', object: 'payment_intent', ...more });

  test.each([
    [200, 'not JSON'],
    [502, '<html>Bad gateway</html>'],
    [200, '{"id":"pi_1","object":"payment_intent","status":"requires_capture"}'],
    [200, '{"id":"pi_1","object":"payment_intent","status":"of_a_later_year"}'],
    [500, '{"error":{"type":"api_error","message":"An unknown error occurred"}}'],
    [409, '{"error":{"type":"invalid_request_error","code":"lock_timeout","message":"…"}}'],
  ])('leave it unknown: %d %s', async (status, body) => {
    answer = { status, body };
    await expect(strangeCards.charge(request(), soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
  });

  test('an error that comes with a payment that succeeded does not make it declined', async () => {
    const succeeded: unknown = JSON.parse(intent({ status: 'succeeded' }));
    const error = { type: 'invalid_request_error', message: '…', payment_intent: succeeded };
    answer = { status: 400, body: JSON.stringify({ error }) };
    expect(await strangeCards.charge(request(), soon())).toEqual({ outcome: 'SUCCEEDED', chargeId: 'pi_1' });
  });

  test('a payment that waits for the customer is declined only when it could be cancelled', async () => {
    asked.length = 0;
    const cancel = 'POST /v1/payment_intents/pi_1/cancel';
    answer = { status: 200, body: intent({ status: 'requires_action' }) };
    answers.set(cancel, intent({ status: 'canceled', cancellation_reason: 'abandoned' }));
    expect(await strangeCards.charge(request(), soon())).toMatchObject({
      outcome: 'DECLINED',
      chargeId: 'pi_1',
      code: 'authentication_required',
    });
    // The customer was quicker: then it is as Stripe says now.
    answers.set(cancel, '{"error":{"type":"invalid_request_error","code":"payment_intent_unexpected_state"}}');
    answers.set('GET /v1/payment_intents/pi_1', intent({ status: 'succeeded' }));
    expect(await strangeCards.charge(request(), soon())).toEqual({ outcome: 'SUCCEEDED', chargeId: 'pi_1' });

    answers.clear();
    asked.length = 0;
    await expect(strangeCards.charge(request(), soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    expect(asked).toEqual(['POST /v1/payment_intents', cancel]);
  });
});

describe('finding a charge', () => {
  test('finds none for a transfer that has none', async () => {
    expect(await cards.findCharge(newId<TransferId>(), soon())).toBeNull();
  });

  test('finds an old one by the search, and believes the payment itself rather than the search', async () => {
    const file = path.join(directory, 'search.jsonl');
    const quick = await startStripeSimulator({ file, secretKey: KEY, searchLagMs: 0 });
    const quickCards = createStripeCards({ secretKey: KEY, url: quick.url });
    const { reference } = await quickCards.saveCard('pm_card_visa', owner, soon());
    const deposit = request({ reference });
    const charge = await quickCards.charge(deposit, soon());
    quick.disturb({ effect: 'UNAVAILABLE', on: 'GET /v1/payment_intents', times: 1 });
    expect(await quickCards.findCharge(deposit.transferId, soon())).toEqual(charge);
    await quick.close();
  });

  test('says that it does not know rather than "none" when there is more than it looks through', async () => {
    const list = createServer((message, response) => {
      const search = message.url!.includes('/search');
      const data = search ? [] : [{ id: `pi_${Math.random()}`, object: 'payment_intent', metadata: {} }];
      response.end(JSON.stringify({ object: 'list', data, has_more: !search }));
    }).listen(0, '127.0.0.1');
    await once(list, 'listening');
    const { port } = list.address() as { port: number };
    const busy = createStripeCards({ secretKey: KEY, url: `http://127.0.0.1:${port}` });
    await expect(busy.findCharge(newId<TransferId>(), soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    list.close();
    list.closeAllConnections();
  });
});
