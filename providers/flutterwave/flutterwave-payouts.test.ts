import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type TransferId } from '../../platform/ids.ts';
import { readBody } from '../../platform/http-json.ts';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import { ProviderNotCertainYetError, type PayoutProvider, type PayoutRequest } from '../payout-provider.ts';
import { createFlutterwavePayouts } from './flutterwave-payouts.ts';

/* What the adapter makes of answers that a simulator would not give: against a scripted server. */
interface Scripted {
  status: number;
  body: unknown;
}
let server: Server;
let payouts: PayoutProvider;
let script: Record<string, Scripted> = {};

beforeAll(async () => {
  server = createServer((request, response) => {
    void readBody(request, 100_000).then(() => {
      const { status, body } = script[request.method!] ?? { status: 500, body: {} };
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // An address of TCP, since it listens on a host and a port.
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  payouts = createFlutterwavePayouts({ secretKey: 'FLWSECK_TEST-scripted', url });
});
afterAll(async () => {
  await payouts.close?.();
  server.close();
  server.closeAllConnections();
});

const soon = () => AbortSignal.timeout(120_000);
const good = (data: unknown): Scripted => ({ status: 200, body: { status: 'success', message: 'ok', data } });
const bad = (message: string, status = 400): Scripted => ({ status, body: { status: 'error', message, data: null } });
const request = (): PayoutRequest => {
  const transferId = newId<TransferId>();
  const key = transferId.replaceAll('-', '');
  const destination = { kind: 'BANK_ACCOUNT', bankCode: '044', accountNumber: '0690000040', holder: 'Ada' } as const;
  return { key, transferId, amountMinor: 10_10n, currency: 'NGN', destination, description: null };
};
const shown = ({ key }: PayoutRequest, change: object = {}) => ({
  id: 7,
  reference: key,
  status: 'NEW',
  amount: 10.1,
  fee: 10.75,
  currency: 'NGN',
  ...change,
});
const find = ({ key, transferId }: PayoutRequest, sentAt = new Date(0)) =>
  payouts.find({ key, transferId, sentAt }, soon());

describe('a payout through Flutterwave', () => {
  test.each([
    ['NEW', 'PENDING'],
    ['PENDING', 'PENDING'],
    ['SUCCESSFUL', 'SUCCEEDED'],
    ['FAILED', 'DECLINED'],
    ['Failed', 'DECLINED'],
    ['REVERSED', 'RETURNED'],
  ])('that is "%s" is %s', async (status, outcome) => {
    const payout = request();
    script = { GET: good([shown(payout, { status })]) };
    expect(await find(payout)).toMatchObject({ outcome, reference: '7' });
  });

  test('has the fee that can be read exactly, else none', async () => {
    const payout = request();
    for (const [fee, feeMinor] of [
      [10.75, 1_075n],
      [0, 0n],
      [10.755, null],
      [null, null],
      [-1, null],
    ] as const) {
      script = { GET: good([shown(payout, { status: 'SUCCESSFUL', fee })]) };
      expect(await find(payout)).toMatchObject({ outcome: 'SUCCEEDED', feeMinor });
    }
  });

  test('is not here when the list for it is empty, and nothing can be under way', async () => {
    script = { GET: good([]) };
    expect(await find(request())).toBeNull();
    await expect(find(request(), new Date())).rejects.toBeInstanceOf(ProviderNotCertainYetError);
  });

  test.each<[string, (payout: PayoutRequest) => Scripted]>([
    ['a list that was not filtered', () => good([shown(request())])],
    ['two of the same', (payout) => good([shown(payout), shown(payout, { id: 8 })])],
    ['a word newer than the adapter', (payout) => good([shown(payout, { status: 'WARPED' })])],
    ['half a transfer', () => good([{ id: 7 }])],
    ['no list', (payout) => good(shown(payout))],
    ['a refusal', () => bad('No transfer found')],
    ['a gateway’s own 404', () => ({ status: 404, body: { message: 'Not Found' } })],
  ])('that is asked for and answered with %s is unknown', async (_what, answer) => {
    const payout = request();
    script = { GET: answer(payout) };
    const asked = find(payout);
    await expect(asked).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    await expect(asked).rejects.not.toBeInstanceOf(ProviderNotCertainYetError);
  });

  test('that is refused is declined only when nothing is there', async () => {
    const payout = request();
    script = { POST: bad('Insufficient funds in customer wallet'), GET: good([]) };
    expect(await payouts.send(payout, soon())).toEqual({
      outcome: 'DECLINED',
      reference: null,
      code: 'insufficient_balance',
      message: 'Insufficient funds in customer wallet',
    });
    script = { ...script, GET: good([shown(payout, { status: 'SUCCESSFUL' })]) };
    expect(await payouts.send(payout, soon())).toMatchObject({ outcome: 'SUCCEEDED' });
    script = { ...script, GET: bad('An error occurred', 503) };
    await expect(payouts.send(payout, soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
  });

  test.each(['Transfer with this reference already exists', 'Duplicate transfer', 'Reference has been used'])(
    'that it says it has (%s) and does not show is unknown, never declined',
    async (message) => {
      script = { POST: bad(message), GET: good([]) };
      await expect(payouts.send(request(), soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    },
  );

  test('whose answer is about something else is unknown', async () => {
    const payout = request();
    for (const change of [{ amount: 10.11 }, { currency: 'KES' }, { reference: 'other' }]) {
      script = { POST: good(shown(payout, change)), GET: good([]) };
      await expect(payouts.send(payout, soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    }
  });
});
