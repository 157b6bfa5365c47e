import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type TransferId, type UserId } from '../../platform/ids.ts';
import { until } from '../../tests/until.ts';
import type { ProviderNotice } from '../payout-provider.ts';
import { startStripeSimulator } from '../simulators/stripe/stripe-simulator.ts';
import { signatureOf } from '../simulators/stripe/webhooks.ts';
import { createStripeCards } from './stripe-cards.ts';
import { createStripePayouts } from './stripe-payouts.ts';
import { createStripeWebhooks } from './stripe-webhooks.ts';

const SECRET = 'whsec_test_secret';
const reader = createStripeWebhooks(SECRET);
const NOW = new Date('2026-11-21T12:00:00Z');
const nowSeconds = NOW.getTime() / 1000;

function eventOf(type: string, object: Record<string, unknown>): Buffer {
  return Buffer.from(JSON.stringify({ id: 'evt_1', object: 'event', type, data: { object } }));
}

function read(body: Buffer, { header, now = NOW }: { header?: string; now?: Date } = {}) {
  const signature = header ?? signatureOf(body.toString(), SECRET, nowSeconds);
  return reader.read({ headers: { 'stripe-signature': signature }, body }, now);
}

const VECTORS = '../shared/data/providers/webhook_schemes.json';
(existsSync(VECTORS) ? test : test.skip)('proves the vector that was verified with Stripe’s own library', () => {
  const schemes = JSON.parse(readFileSync(VECTORS, 'utf8')) as {
    provider: string;
    vector: { secret: string; t: number; body: string; header: string };
  }[];
  const { vector } = schemes.find(({ provider }) => provider === 'stripe')!;
  const request = { headers: { 'stripe-signature': vector.header }, body: Buffer.from(vector.body) };
  const at = (seconds: number) => createStripeWebhooks(vector.secret).read(request, new Date(seconds * 1000));
  // It is signed rightly, and an event of which nothing more is known.
  expect([at(vector.t), at(vector.t + 300), at(vector.t + 301), at(vector.t - 301)]).toEqual([
    'MALFORMED',
    'MALFORMED',
    'TOO_OLD',
    'TOO_OLD',
  ]);
});

describe('a webhook of Stripe', () => {
  const transferId = newId<TransferId>();
  const metadata = { transfer_id: transferId };
  const sum = { amount: 1_250, currency: 'usd' };
  const paid = eventOf('payout.paid', { id: 'po_1', object: 'payout', status: 'paid', metadata, ...sum });

  test('tells what became of a payout of ours', () => {
    expect(read(paid)).toEqual({
      provider: 'stripe',
      eventId: 'evt_1',
      type: 'payout.paid',
      key: transferId.replaceAll('-', ''),
      transferId,
      payout: { outcome: 'SUCCEEDED', reference: 'po_1', feeMinor: null },
      amount: { amountMinor: 1_250n, currency: 'USD' },
    });
    const created = eventOf('payout.created', { id: 'po_1', object: 'payout', status: 'pending', metadata });
    expect(read(created)).toMatchObject({ payout: { outcome: 'PENDING' } });
  });

  test('has to be asked again where it does not say whether money had moved', () => {
    const failed = eventOf('payout.failed', { id: 'po_1', object: 'payout', status: 'failed', metadata });
    expect(read(failed)).toMatchObject({ payout: null, transferId });
    const later = eventOf('payout.updated', { id: 'po_1', object: 'payout', status: 'of_a_later_year', metadata });
    expect(read(later)).toMatchObject({ payout: null });
  });

  test('tells of a charge by its type and the transfer alone', () => {
    const intent = eventOf('payment_intent.succeeded', { id: 'pi_1', object: 'payment_intent', metadata, ...sum });
    const amount = { amountMinor: 1_250n, currency: 'USD' };
    expect(read(intent)).toMatchObject({
      type: 'payment_intent.succeeded',
      key: null,
      transferId,
      payout: null,
      amount,
    });
    const foreign = eventOf('customer.created', { id: 'cus_1', object: 'customer' });
    expect(read(foreign)).toMatchObject({ transferId: null, key: null, payout: null });
    const odd = eventOf('payout.paid', { id: 'po_1', status: 'paid', metadata: { transfer_id: 'x' } });
    expect(read(odd)).toMatchObject({ transferId: null, payout: null });
  });

  test('is believed by any of several signatures, and by no other', () => {
    const right = signatureOf(paid.toString(), SECRET, nowSeconds).split('v1=')[1]!;
    const wrong = 'f'.repeat(64);
    expect(read(paid, { header: `t=${nowSeconds},v1=${wrong},v1=${right},v0=${wrong}` })).toMatchObject({
      key: expect.any(String),
    });
    for (const header of [
      '',
      't=,v1=',
      `t=${nowSeconds}`,
      `t=${nowSeconds},v1=${wrong}`,
      `t=${nowSeconds},v0=${right}`,
      `t=${nowSeconds},v1=${right.slice(2)}`,
      `t=${nowSeconds + 1},v1=${right}`,
      `t=${nowSeconds},t=${nowSeconds},v1=${right}`,
      signatureOf(paid.toString(), 'whsec_another', nowSeconds),
    ]) {
      expect(read(paid, { header })).toBe('BAD_SIGNATURE');
    }
    expect(reader.read({ headers: {}, body: paid }, NOW)).toBe('BAD_SIGNATURE');
    const other = Buffer.from(paid.toString().replace('po_1', 'po_2'));
    expect(read(other, { header: signatureOf(paid.toString(), SECRET, nowSeconds) })).toBe('BAD_SIGNATURE');
  });

  test('is too old after five minutes, and cannot be from the future', () => {
    const at = (seconds: number) => read(paid, { now: new Date((nowSeconds + seconds) * 1000) });
    expect([at(300), at(301), at(-300), at(-301)]).toEqual([
      expect.objectContaining({ key: expect.any(String) }),
      'TOO_OLD',
      expect.objectContaining({ key: expect.any(String) }),
      'TOO_OLD',
    ]);
  });

  test.each(['not JSON', '{}', '{"id":"evt_1","type":"payout.paid"}', '{"id":"x y","type":"t","data":{"object":{}}}'])(
    'that is signed and makes no sense is malformed: %s',
    (text) => expect(read(Buffer.from(text))).toBe('MALFORMED'),
  );
});

describe('the simulator', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-stripe-webhooks-'));
  const KEY = 'sk_test_webhookTests0001';
  const notices: ProviderNotice[] = [];
  let refusing = 0;
  let server: Server;

  beforeAll(async () => {
    server = createServer((message, response) => {
      const chunks: Buffer[] = [];
      message.on('data', (chunk: Buffer) => chunks.push(chunk));
      message.on('end', () => {
        if (refusing-- > 0) return response.writeHead(503).end();
        const { 'stripe-signature': signature } = message.headers;
        const headers = { 'stripe-signature': String(signature) };
        const notice = reader.read({ headers, body: Buffer.concat(chunks) }, new Date());
        if (typeof notice === 'string') return response.writeHead(401).end();
        notices.push(notice);
        response.writeHead(200).end();
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
    rmSync(directory, { recursive: true });
  });

  test('tells everything it does, again until it is heard, also after a restart, and once', async () => {
    const file = path.join(directory, 'stripe.jsonl');
    const start = () => startStripeSimulator({ file, secretKey: KEY, webhookSecret: SECRET, payoutStepMs: 5 });
    const first = await start();
    const to = { secretKey: KEY, url: first.url };
    const { reference } = await createStripeCards(to).saveCard(
      'pm_card_visa',
      newId<UserId>(),
      AbortSignal.timeout(9_000),
    );
    const transferId = newId<TransferId>();
    const common = { transferId, amountMinor: 5_000n, currency: 'USD' };
    await createStripeCards(to).charge({ ...common, key: 'charge', reference }, AbortSignal.timeout(9_000));
    const destination = { kind: 'CARD' as const, reference, holder: 'Ada' };
    const payout = { ...common, key: 'payout', destination, description: null };
    await createStripePayouts(to).send(payout, AbortSignal.timeout(9_000));
    await until('it is paid', () => first.payouts()[0]?.status === 'paid');
    await first.close();

    // Nobody was told anything so far; and at first nobody listens.
    refusing = 2;
    const { port } = server.address() as { port: number };
    const second = await start();
    second.sendWebhooksTo(`http://127.0.0.1:${port}/webhooks/stripe`);
    await until('all is told', () => notices.length === 4);
    await second.close();
    const types = notices.map(({ type }) => type).sort();
    expect(types).toEqual(['payment_intent.succeeded', 'payout.created', 'payout.paid', 'payout.updated']);
    expect(new Set(notices.map(({ eventId }) => eventId)).size).toBe(4);
    for (const notice of notices) expect(notice.transferId).toBe(transferId);

    const third = await start();
    third.sendWebhooksTo(`http://127.0.0.1:${port}/webhooks/stripe`);
    await createStripeCards({ ...to, url: third.url }).charge(
      { ...common, key: 'more', reference },
      AbortSignal.timeout(9_000),
    );
    await until('the new one is told', () => notices.length === 5);
    expect(notices[4]).toMatchObject({ type: 'payment_intent.succeeded' });
    await third.close();
  });
});
