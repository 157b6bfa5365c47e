import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type TransferId } from '../../../platform/ids.ts';
import { readBody } from '../../../platform/http-json.ts';
import { until } from '../../../tests/until.ts';
import { createFlutterwavePayouts } from '../../flutterwave/flutterwave-payouts.ts';
import { createFlutterwaveWebhooks } from '../../flutterwave/flutterwave-webhooks.ts';
import type { PayoutDestination, PayoutRequest } from '../../payout-provider.ts';
import type { PayoutSimulator } from '../payouts/payout-simulator.ts';
import { startFlutterwaveSimulator } from './flutterwave-simulator.ts';

/* What goes over the wire. */
const SECRET = 'FLWSECK_TEST-simulator';
const HASH = 'secret-hash-of-tests';
const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-flutterwave-'));
const options = { secretKey: SECRET, webhookSecret: HASH, delayMs: 20, webhookPauseMs: 10 };
let simulator: PayoutSimulator;

beforeAll(async () => {
  simulator = await startFlutterwaveSimulator({ ...options, file: path.join(directory, 'wire.jsonl') });
});
afterAll(async () => {
  await simulator.close();
  rmSync(directory, { recursive: true });
});

interface Answer {
  status: string;
  message: string;
  meta: { page_info: Record<string, number> };
  data: Record<string, unknown> & Record<string, unknown>[];
}

async function ask(method: string, place: string, body?: string) {
  const response = await fetch(simulator.url + place, {
    method,
    headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body }),
  });
  // Every answer is JSON.
  return { status: response.status, body: (await response.json()) as Answer };
}

let counter = 0;
const asked = (change: object = {}) =>
  JSON.stringify({
    account_bank: '044',
    account_number: '0690000040',
    amount: 5500.5,
    currency: 'NGN',
    beneficiary_name: 'Ada Obi',
    reference: `wire-${++counter}`,
    narration: 'Rent',
    ...change,
  });

describe('the simulated Flutterwave', () => {
  test('takes a transfer in major units and shows it so', async () => {
    const { status, body } = await ask('POST', '/v3/transfers', asked());
    expect([status, body.status, body.message]).toEqual([200, 'success', 'Transfer Queued Successfully']);
    expect(body.data).toMatchObject({ status: 'NEW', amount: 5500.5, fee: 26.88, currency: 'NGN', bank_code: '044' });
    expect(simulator.payouts()[0]).toMatchObject({ amountMinor: '550050', feeMinor: '2688' });
    const id = String(body.data['id']);
    const paid = await until('it is paid', async () => {
      const found = await ask('GET', `/v3/transfers/${id}`);
      return found.body.data['status'] === 'SUCCESSFUL' ? found.body.data : null;
    });
    expect(paid).toMatchObject({ complete_message: 'Transaction was successful' });
  });

  test.each([
    ['a third decimal', { amount: 10.005 }],
    ['nothing', { amount: 0 }],
    ['a text', { amount: '10' }],
    ['half a shilling', { amount: 10.5, currency: 'UGX', account_bank: 'MPS' }],
    ['a currency it has not', { currency: 'JPY' }],
    ['no account', { account_number: undefined }],
    ['francs to a bank', { currency: 'XOF', amount: 10 }],
  ])('refuses %s', async (_what, change) => {
    const before = simulator.payouts().length;
    expect(await ask('POST', '/v3/transfers', asked(change))).toMatchObject({ status: 400, body: { status: 'error' } });
    expect(simulator.payouts()).toHaveLength(before);
  });

  test('takes a reference once, and finds it by the reference alone', async () => {
    const reference = `once-${++counter}`;
    const body = asked({ reference });
    const many = await Promise.all(Array.from({ length: 8 }, () => ask('POST', '/v3/transfers', body)));
    expect(many.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(many.find(({ status }) => status === 400)?.body.message).toBe('Transfer with this reference already exists');
    const found = await ask('GET', `/v3/transfers?reference=${reference}`);
    expect(found.body.data).toMatchObject([{ reference }]);
    expect(found.body.meta.page_info).toEqual({ total: 1, current_page: 1, total_pages: 1 });
    expect((await ask('GET', '/v3/transfers?reference=never')).body.data).toEqual([]);
    const ofToday = await ask('GET', `/v3/transfers?from=${new Date(Date.now() - 60_000).toISOString()}`);
    expect(ofToday.body.meta.page_info['total']).toBe(simulator.payouts().length);
  });

  test('tells of an end with the secret hash, which a reader takes for a reason to ask', async () => {
    const reader = createFlutterwaveWebhooks({ secretHash: HASH });
    const heard: unknown[] = [];
    const door = createServer((request, response) => {
      const headers = { 'verif-hash': String(request.headers['verif-hash']) };
      void readBody(request, 100_000).then((text) => {
        heard.push(reader.read({ headers, body: Buffer.from(text) }, new Date()));
        response.end();
      });
    });
    door.listen(0, '127.0.0.1');
    await once(door, 'listening');
    const own = await startFlutterwaveSimulator({ ...options, file: path.join(directory, 'hooks.jsonl') });
    // An address of TCP, since it listens on a host and a port.
    own.sendWebhooksTo(`http://127.0.0.1:${(door.address() as { port: number }).port}/`);
    const payouts = createFlutterwavePayouts({ secretKey: SECRET, url: own.url });
    const payout = request({ kind: 'BANK_ACCOUNT', bankCode: '044', accountNumber: '0690000040', holder: 'Ada' });
    await payouts.send(payout, AbortSignal.timeout(5_000));
    await until('it is heard', () => heard.length > 0);
    expect(heard).toMatchObject([{ type: 'transfer.completed', key: payout.key, payout: null }]);
    await payouts.close?.();
    await own.close();
    door.close();
  });
});

function request(destination: PayoutDestination, change: Partial<PayoutRequest> = {}): PayoutRequest {
  const transferId = newId<TransferId>();
  const key = transferId.replaceAll('-', '');
  return { key, transferId, amountMinor: 10_10n, currency: 'NGN', destination, description: null, ...change };
}

describe('what the adapter writes', () => {
  const holder = 'Ada Obi';
  const destinations = {
    bank: { kind: 'BANK_ACCOUNT', bankCode: '044', accountNumber: '0690000040', holder },
    mpesa: { kind: 'MOBILE_MONEY', phone: '+254782773934', network: null, holder },
    mtn: { kind: 'MOBILE_MONEY', phone: '+233241234567', network: 'MTN', holder },
    uganda: { kind: 'MOBILE_MONEY', phone: '+256772123456', network: null, holder },
    ivory: { kind: 'MOBILE_MONEY', phone: '+2250700000000', network: null, holder },
    germany: { kind: 'IBAN', iban: 'DE89370400440532013000', holder },
    britain: { kind: 'IBAN', iban: 'GB29NWBK60161331926819', holder },
  } as const satisfies Record<string, PayoutDestination>;

  /** One request, as bytes. */
  async function written(payout: PayoutRequest): Promise<string> {
    let text = '';
    const door = createServer((incoming, response) => {
      void readBody(incoming, 100_000).then((body) => {
        text = body;
        response.writeHead(500).end('{}');
      });
    });
    door.listen(0, '127.0.0.1');
    await once(door, 'listening');
    // An address of TCP, since it listens on a host and a port.
    const url = `http://127.0.0.1:${(door.address() as { port: number }).port}`;
    const payouts = createFlutterwavePayouts({ secretKey: SECRET, url });
    await payouts.send(payout, AbortSignal.timeout(5_000)).catch(() => {});
    await payouts.close?.();
    door.close();
    return text;
  }

  test.each([
    [10_10n, 'NGN', 'bank', '{"amount":10.10,'],
    [1n, 'NGN', 'bank', '{"amount":0.01,'],
    [9_007_199_254_740_99n, 'NGN', 'bank', '{"amount":9007199254740.99,'],
    [125_000n, 'UGX', 'uganda', '{"amount":125000,'],
  ] as const)('an amount of %d %s digit by digit', async (amountMinor, currency, to, beginning) => {
    const text = await written(request(destinations[to], { amountMinor, currency }));
    expect(text.slice(0, beginning.length)).toBe(beginning);
    expect(JSON.parse(text)).toMatchObject({ currency, debit_currency: currency });
  });

  test.each([
    ['bank', 'NGN', { account_bank: '044', account_number: '0690000040' }],
    ['mpesa', 'KES', { account_bank: 'MPS', account_number: '254782773934', meta: [{ sender_country: 'NG' }] }],
    ['mtn', 'GHS', { account_bank: 'MTN', account_number: '233241234567' }],
    ['uganda', 'UGX', { account_bank: 'MPS', account_number: '256772123456' }],
    ['ivory', 'XOF', { account_bank: 'FMM', account_number: '2250700000000' }],
    ['germany', 'EUR', { meta: [{ account_number: 'DE89370400440532013000', beneficiary_country: 'DE' }] }],
    ['britain', 'GBP', { meta: [{ account_number: '31926819', routing_number: '601613', beneficiary_country: 'GB' }] }],
  ] as const)('to %s in %s', async (to, currency, expected) => {
    const text = await written(request(destinations[to], { currency }));
    expect(JSON.parse(text)).toMatchObject({ ...expected, beneficiary_name: holder, narration: 'Transfer' });
    const payouts = createFlutterwavePayouts({ secretKey: SECRET, url: simulator.url });
    const taken = await payouts.send(request(destinations[to], { currency }), AbortSignal.timeout(5_000));
    expect(taken).toMatchObject({ outcome: 'PENDING' });
    await payouts.close?.();
  });

  test('nothing for an amount that others cannot keep exactly, or a country out of reach', async () => {
    const payouts = createFlutterwavePayouts({ secretKey: SECRET, url: 'http://127.0.0.1:9' });
    const send = (payout: PayoutRequest) => payouts.send(payout, AbortSignal.timeout(5_000));
    expect(await send(request(destinations.bank, { amountMinor: 10n ** 15n }))).toMatchObject({
      code: 'invalid_amount',
    });
    const pounds = request(destinations.germany, { currency: 'GBP' });
    expect(await send(pounds)).toMatchObject({ outcome: 'DECLINED', code: 'unsupported_destination' });
    await payouts.close?.();
  });
});
