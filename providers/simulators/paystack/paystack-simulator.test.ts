import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { readBody } from '../../../platform/http-json.ts';
import { until } from '../../../tests/until.ts';
import { createPaystackWebhooks } from '../../paystack/paystack-webhooks.ts';
import type { ProviderNotice } from '../../payout-provider.ts';
import type { PayoutSimulator } from '../payouts/payout-simulator.ts';
import { startPaystackSimulator } from './paystack-simulator.ts';

/* What goes over the wire, without the adapter in between. */
const SECRET = 'sk_test_simulator0000001';
const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-paystack-'));
let simulator: PayoutSimulator;

beforeAll(async () => {
  simulator = await startPaystackSimulator({
    file: path.join(directory, 'wire.jsonl'),
    secretKey: SECRET,
    delayMs: 20,
  });
});
afterEach(() => simulator.calm());
afterAll(async () => {
  await simulator.close();
  rmSync(directory, { recursive: true });
});

interface Answer {
  status: boolean;
  message: string;
  code?: string;
  meta: Record<string, number>;
  data: Record<string, unknown>;
}

async function ask(method: string, place: string, body?: object, key = SECRET, at = simulator) {
  const response = await fetch(at.url + place, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  // Every answer is JSON.
  return { status: response.status, body: (await response.json()) as Answer };
}

const nuban = { type: 'nuban', name: 'Ada Obi', account_number: '0123456789', bank_code: '058', currency: 'NGN' };
let counter = 0;
const fresh = () => `wire-test-reference-${++counter}`;

async function send(change: object = {}, recipient: object = nuban, at = simulator) {
  const made = await ask('POST', '/transferrecipient', recipient, SECRET, at);
  const code = made.body.data['recipient_code'];
  const asked = { source: 'balance', amount: 10_000, recipient: code, reference: fresh(), currency: 'NGN', ...change };
  return { asked, ...(await ask('POST', '/transfer', asked, SECRET, at)) };
}

describe('the simulated Paystack', () => {
  test('turns away who does not show its key', async () => {
    expect(await ask('GET', '/balance', undefined, 'sk_test_other')).toMatchObject({
      status: 401,
      body: { status: false },
    });
    expect((await ask('GET', '/simulator/payouts', undefined, 'sk_test_other')).status).toBe(401);
  });

  test('gives the same recipient for the same account', async () => {
    const first = await ask('POST', '/transferrecipient', nuban);
    expect(first.status).toBe(201);
    expect(first.body.data).toMatchObject({
      type: 'nuban',
      details: { account_number: '0123456789', bank_code: '058' },
    });
    const again = await ask('POST', '/transferrecipient', { ...nuban, name: 'Another' });
    const other = await ask('POST', '/transferrecipient', { ...nuban, bank_code: '044' });
    expect(again.body.data['recipient_code']).toBe(first.body.data['recipient_code']);
    expect(other.body.data['recipient_code']).not.toBe(first.body.data['recipient_code']);
  });

  test.each([
    ['a type that is none', { ...nuban, type: 'iban' }],
    ['no name', { ...nuban, name: '' }],
    ['a currency it has not', { ...nuban, currency: 'EUR' }],
  ])('refuses a recipient with %s', async (_what, recipient) => {
    expect(await ask('POST', '/transferrecipient', recipient)).toMatchObject({ status: 400, body: { status: false } });
  });

  test.each([
    ['a fraction of a kobo', { amount: 100.5 }],
    ['nothing', { amount: 0 }],
    ['a text for an amount', { amount: '100' }],
    ['a reference in capitals', { reference: 'AAAAAAAAAAAAAAAAAAAA' }],
    ['a reference too short', { reference: 'short' }],
    ['another source', { source: 'elsewhere' }],
    ['another currency than its recipient’s', { currency: 'GHS' }],
    ['no recipient of its own', { recipient: 'RCP_unknown' }],
    ['more than its limit', { amount: 99_000_000_000 }],
  ])('refuses a transfer of %s', async (_what, change) => {
    const before = simulator.payouts().length;
    expect(await send(change)).toMatchObject({ status: 400, body: { status: false } });
    expect(simulator.payouts()).toHaveLength(before);
  });

  test('takes a reference once, also from many at once', async () => {
    const { asked } = await send();
    const refused = await ask('POST', '/transfer', { ...asked, amount: 5 });
    expect(refused).toMatchObject({
      status: 400,
      body: {
        status: false,
        message: 'Please provide a unique reference. Reference already exists on a transfer',
        code: 'duplicate_transfer_reference',
      },
    });
    const reference = fresh();
    const many = await Promise.all(Array.from({ length: 10 }, () => send({ reference })));
    expect(many.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test('shows a transfer by reference and by code, and says so when there is none', async () => {
    const { asked, body } = await send({ reason: 'Rent' });
    expect(body.data).toMatchObject({ status: 'pending', amount: 10_000, reference: asked.reference, reason: 'Rent' });
    const verified = await until('it is paid', async () => {
      const found = await ask('GET', `/transfer/verify/${asked.reference}`);
      return found.body.data['status'] === 'success' ? found.body.data : null;
    });
    expect(verified).toMatchObject({ fee_charged: 1_000, transfer_code: body.data['transfer_code'] });
    const byCode = await ask('GET', `/transfer/${String(body.data['transfer_code'])}`);
    expect(byCode.body.data['reference']).toBe(asked.reference);
    expect(await ask('GET', '/transfer/verify/never-heard-of-it')).toMatchObject({
      status: 404,
      body: { status: false, message: 'Transfer not found' },
    });
    expect((await ask('GET', '/nowhere')).status).toBe(404);
  });

  test('lists what it paid in pages, for whoever compares', async () => {
    const own = await startPaystackSimulator({
      file: path.join(directory, 'list.jsonl'),
      secretKey: SECRET,
      delayMs: 0,
    });
    const references: string[] = [];
    for (let index = 0; index < 5; index++) references.push((await send({}, nuban, own)).asked.reference);
    await send({}, { ...nuban, account_number: '0123450002' }, own);
    const list = async (query: string) => (await ask('GET', `/transfer?${query}`, undefined, SECRET, own)).body;
    await until('all are through', async () => (await list('status=pending')).meta['total'] === 0);
    const pages = [await list('status=success&perPage=2&page=1'), await list('status=success&perPage=2&page=3')];
    expect(pages[0]!.meta).toEqual({ total: 5, skipped: 0, perPage: 2, page: 1, pageCount: 3 });
    expect(pages.map(({ data }) => (data as unknown as object[]).length)).toEqual([2, 1]);
    expect(pages[1]!.data).toMatchObject([{ reference: references[0], fee_charged: 1_000 }]);
    const future = new Date(Date.now() + 60_000).toISOString();
    expect((await list(`from=${future}`)).meta['total']).toBe(0);
    await own.close();
  });

  test('tells of each end once, signed, until it is heard, and goes on after a restart', async () => {
    const file = path.join(directory, 'hooks.jsonl');
    const options = { file, secretKey: SECRET, delayMs: 20, webhookPauseMs: 10 };
    let refuses = true;
    const heard: ProviderNotice[] = [];
    const reader = createPaystackWebhooks({ secretKey: SECRET });
    const door = createServer((request, response) => {
      const { 'x-paystack-signature': signature } = request.headers;
      void readBody(request, 100_000).then((text) => {
        const headers = { 'x-paystack-signature': String(signature) };
        const notice = reader.read({ headers, body: Buffer.from(text) }, new Date());
        if (typeof notice === 'string') throw new Error(notice);
        if (!refuses) heard.push(notice);
        response.writeHead(refuses ? 500 : 200).end();
      });
    });
    door.listen(0, '127.0.0.1');
    await once(door, 'listening');
    // An address of TCP, since it listens on a host and a port.
    const url = `http://127.0.0.1:${(door.address() as { port: number }).port}/webhooks/paystack`;

    const reference = '019aa0b9d5a27c4d8e1f000000000004';
    const first = await startPaystackSimulator(options);
    first.sendWebhooksTo(url);
    await send({ reference }, { ...nuban, account_number: '0123450004' }, first);
    // A slow machine may find that it has come back already.
    await until('it is paid', () => ['SUCCEEDED', 'REVERSED'].includes(first.payouts()[0]!.status));
    await first.close();
    expect(readFileSync(file, 'utf8')).toContain('transfer.success');

    refuses = false;
    const second = await startPaystackSimulator(options);
    second.sendWebhooksTo(url);
    await until('both are heard', () => heard.length === 2);
    expect(heard).toMatchObject([
      { type: 'transfer.success', key: reference, payout: { outcome: 'SUCCEEDED', feeMinor: 10_00n } },
      { type: 'transfer.reversed', key: reference, payout: { outcome: 'RETURNED' } },
    ]);
    await second.close();

    const third = await startPaystackSimulator(options);
    third.sendWebhooksTo(url);
    await send({ reference: '019aa0b9d5a27c4d8e1f000000000009' }, nuban, third);
    await until('the next is heard', () => heard.length === 3);
    expect(new Set(heard.map(({ eventId }) => eventId)).size).toBe(3);
    await third.close();
    door.close();
  });

  test('is controlled over HTTP', async () => {
    const { asked } = await send({}, { ...nuban, account_number: '0123450003' });
    const settle = (status: string) => ask('POST', '/simulator/settlements', { reference: asked.reference, status });
    expect((await settle('FAILED')).status).toBe(200);
    expect((await settle('SUCCEEDED')).status).toBe(404);
    expect((await settle('NONSENSE')).status).toBe(400);
    expect((await ask('POST', '/simulator/disturbances', { effect: 'UNAVAILABLE', on: 'GET /balance' })).status).toBe(
      200,
    );
    expect((await ask('GET', '/balance')).status).toBe(503);
    expect((await ask('DELETE', '/simulator/disturbances')).status).toBe(200);
    expect((await ask('GET', '/balance')).status).toBe(200);
    expect((await ask('POST', '/simulator/disturbances', { effect: 'EARTHQUAKE' })).status).toBe(400);
    expect((await ask('POST', '/simulator/webhooks', { url: null })).status).toBe(200);
    expect((await ask('GET', '/simulator/nothing')).status).toBe(404);
    const told = (await ask('GET', '/simulator/payouts')).body as unknown as { payouts: object[]; waiting: number };
    expect(told.payouts[0]).toMatchObject({ reference: asked.reference, status: 'FAILED' });
  });
});
