import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { newId, type TransferId } from '../../platform/ids.ts';
import { readBody } from '../../platform/http-json.ts';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import {
  ProviderUnreachableError,
  type PayoutDestination,
  type PayoutProvider,
  type PayoutRequest,
} from '../payout-provider.ts';
import { createPaystackPayouts } from './paystack-payouts.ts';

/* What the adapter writes, and what it makes of answers that a simulator would not give: against a scripted server. */
type Scripted = (body: unknown) => { status: number; body: unknown };
let server: Server;
let payouts: PayoutProvider;
let requests: { asked: string; body: unknown }[] = [];
let script: Record<string, Scripted> = {};

beforeAll(async () => {
  server = createServer((request, response) => {
    void readBody(request, 100_000).then((text) => {
      const body: unknown = text === '' ? null : JSON.parse(text);
      const asked = `${request.method} ${request.url!.replace(/[0-9a-f]{32}/, ':key')}`;
      requests.push({ asked, body });
      const answer = script[asked]?.(body) ?? { status: 500, body: {} };
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // An address of TCP, since it listens on a host and a port.
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
  payouts = createPaystackPayouts({ secretKey: 'sk_test_scripted', url });
});
afterAll(async () => {
  await payouts.close?.();
  server.close();
  server.closeAllConnections();
});
beforeEach(() => {
  requests = [];
  script = { 'POST /transferrecipient': good({ recipient_code: 'RCP_1' }) };
});

const soon = () => AbortSignal.timeout(120_000);
const holder = 'Ada Obi';

function good(data: unknown): Scripted {
  return () => ({ status: 200, body: { status: true, message: 'ok', data } });
}
function bad(status: number, body: unknown): Scripted {
  return () => ({ status, body });
}
function request(destination: PayoutDestination, change: Partial<PayoutRequest> = {}): PayoutRequest {
  const transferId = newId<TransferId>();
  const key = transferId.replaceAll('-', '');
  return { key, transferId, amountMinor: 123_456n, currency: 'NGN', destination, description: 'Rent', ...change };
}
const bank: PayoutDestination = { kind: 'BANK_ACCOUNT', bankCode: '058', accountNumber: '0123456789', holder };
const shown = (payout: PayoutRequest, change: object = {}) => ({
  reference: payout.key,
  status: 'pending',
  amount: Number(payout.amountMinor),
  currency: payout.currency,
  transfer_code: 'TRF_1',
  ...change,
});

describe('a payout through Paystack', () => {
  test.each<[string, PayoutDestination, object]>([
    ['NGN', bank, { type: 'nuban', account_number: '0123456789', bank_code: '058' }],
    ['GHS', bank, { type: 'ghipss' }],
    ['KES', bank, { type: 'kepss' }],
    ['ZAR', bank, { type: 'basa' }],
    [
      'KES',
      { kind: 'MOBILE_MONEY', phone: '+254751234987', network: 'MPS', holder },
      { type: 'mobile_money', account_number: '0751234987', bank_code: 'MPESA' },
    ],
    [
      'GHS',
      { kind: 'MOBILE_MONEY', phone: '+233551234987', network: null, holder },
      { type: 'mobile_money', account_number: '0551234987', bank_code: 'MTN' },
    ],
    [
      'GHS',
      { kind: 'MOBILE_MONEY', phone: '+233551234987', network: 'VODAFONE', holder },
      { account_number: '0551234987', bank_code: 'VOD' },
    ],
  ])('in %s names its recipient first, then asks in subunits', async (currency, destination, recipient) => {
    const payout = request(destination, { currency });
    script['POST /transfer'] = good(shown(payout));
    expect(await payouts.send(payout, soon())).toEqual({ outcome: 'PENDING', reference: 'TRF_1', step: 'CLEARING' });
    expect(requests).toEqual([
      { asked: 'POST /transferrecipient', body: expect.objectContaining({ ...recipient, name: holder, currency }) },
      {
        asked: 'POST /transfer',
        body: {
          source: 'balance',
          amount: 123456,
          currency,
          recipient: 'RCP_1',
          reference: payout.key,
          reason: 'Rent',
        },
      },
    ]);
  });

  test.each([503, 302])('whose recipient is answered with %d was not sent: no money moves there', async (status) => {
    script['POST /transferrecipient'] = bad(status, {});
    await expect(payouts.send(request(bank), soon())).rejects.toBeInstanceOf(ProviderUnreachableError);
    expect(requests.map(({ asked }) => asked)).toEqual(['POST /transferrecipient']);
  });

  test.each([
    ['pending', 'PENDING'],
    ['otp', 'PENDING'],
    ['received', 'PENDING'],
    ['success', 'SUCCEEDED'],
    ['failed', 'DECLINED'],
    ['abandoned', 'DECLINED'],
    ['blocked', 'DECLINED'],
    ['rejected', 'DECLINED'],
    ['reversed', 'RETURNED'],
  ])('that is "%s" is %s', async (status, outcome) => {
    const payout = request(bank);
    script['GET /transfer/verify/:key'] = good(shown(payout, { status }));
    const { key, transferId } = payout;
    expect(await payouts.find({ key, transferId, sentAt: new Date() }, soon())).toMatchObject({ outcome });
  });

  test.each<[string, (payout: PayoutRequest) => Scripted]>([
    ['a word newer than the adapter', (payout) => good(shown(payout, { status: 'warped' }))],
    ['another transfer', (payout) => good(shown(payout, { reference: 'somebody-elses-0001' }))],
    ['half a transfer', () => good({ status: 'success' })],
    ['a path that is not there', () => bad(404, { status: false, message: 'Invalid endpoint' })],
    ['a gateway’s own 404', () => bad(404, { message: 'Not Found' })],
    ['a fault with status 200', () => bad(200, { status: false, message: 'Transfer not found' })],
    ['a good answer with status 400', (payout) => bad(400, { status: true, data: shown(payout) })],
  ])('that is asked for and answered with %s is unknown', async (_what, answer) => {
    const payout = request(bank);
    script['GET /transfer/verify/:key'] = answer(payout);
    const asked = payouts.find({ key: payout.key, transferId: payout.transferId, sentAt: new Date(0) }, soon());
    await expect(asked).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
  });

  test('that it says it has and does not find is unknown, never declined', async () => {
    const duplicate = {
      status: false,
      message: 'Please provide a unique reference.',
      code: 'duplicate_transfer_reference',
    };
    script['POST /transfer'] = bad(400, duplicate);
    script['GET /transfer/verify/:key'] = bad(404, { status: false, message: 'Transfer not found' });
    await expect(payouts.send(request(bank), soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
  });

  test('that was paid before and is refused now is what it was before', async () => {
    const payout = request(bank);
    script['POST /transfer'] = bad(400, { status: false, message: 'No money', code: 'insufficient_balance' });
    script['GET /transfer/verify/:key'] = good(shown(payout, { status: 'success', fee_charged: 2500 }));
    const found = { outcome: 'SUCCEEDED', reference: 'TRF_1', feeMinor: 2500n };
    expect(await payouts.send(payout, soon())).toEqual(found);
    script['GET /transfer/verify/:key'] = bad(404, { status: false, message: 'Transfer not found' });
    expect(await payouts.send(request(bank), soon())).toMatchObject({
      outcome: 'DECLINED',
      code: 'insufficient_balance',
    });
  });

  test('of more than JSON can count, or in a currency it has not, is declined before anything is sent', async () => {
    for (const change of [{ amountMinor: 2n ** 53n }, { currency: 'KWD' }, { currency: 'JPY' }]) {
      expect(await payouts.send(request(bank, change), soon())).toMatchObject({ outcome: 'DECLINED', reference: null });
    }
    expect(requests).toEqual([]);
  });
});
