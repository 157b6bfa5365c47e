import { createHmac } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { createPaystackWebhooks } from './paystack-webhooks.ts';

const SECRET = 'sk_test_webhooks00000001';
const KEY = '019aa0b9d5a27c4d8e1f000000000001';
const reader = createPaystackWebhooks({ secretKey: SECRET });
const now = new Date('2026-11-21T12:00:00Z');

const transfer = (change: object = {}) => ({
  amount: 123456,
  currency: 'NGN',
  domain: 'test',
  failures: null,
  fee_charged: 2500,
  gateway_response: null,
  id: 860_670_817,
  reason: 'Rent',
  reference: KEY,
  source: 'balance',
  status: 'success',
  transfer_code: 'TRF_8opchtrhtjlfz90n',
  ...change,
});
const text = (event: string, data: object) => JSON.stringify({ event, data });
const sign = (body: string | Buffer, secret = SECRET) => createHmac('sha512', secret).update(body).digest('hex');

function read(body: string | Buffer, signature: string | undefined = sign(body)) {
  return reader.read({ headers: { 'x-paystack-signature': signature }, body: Buffer.from(body) }, now);
}

describe('a webhook of Paystack’s', () => {
  test('tells what became of a payout, signed by the key over the bytes', () => {
    expect(read(text('transfer.success', transfer()))).toEqual({
      provider: 'paystack',
      eventId: 'transfer.success:860670817',
      type: 'transfer.success',
      key: KEY,
      transferId: null,
      payout: { outcome: 'SUCCEEDED', reference: 'TRF_8opchtrhtjlfz90n', feeMinor: 2500n },
      amount: { amountMinor: 123456n, currency: 'NGN' },
    });
  });

  test('has the same id when it comes again, and another one for each thing that happens', () => {
    const [once, again] = [
      read(text('transfer.success', transfer())),
      read(text('transfer.success', transfer({ amount: 1 }))),
    ];
    expect(again).toMatchObject({ eventId: (once as { eventId: string }).eventId });
    const back = read(text('transfer.reversed', transfer({ status: 'reversed', gateway_response: 'Account closed' })));
    expect(back).toMatchObject({
      eventId: 'transfer.reversed:860670817',
      payout: { outcome: 'RETURNED', code: 'reversed', message: 'Account closed' },
    });
    expect(read(text('transfer.failed', transfer({ status: 'failed' })))).toMatchObject({
      payout: { outcome: 'DECLINED', code: 'failed' },
    });
  });

  // Made with `openssl dgst -sha512 -hmac`, not with the code under test.
  test('is proved by the signature that others compute for these bytes', () => {
    const body = '{"event":"transfer.success","data":{"id":1,"reference":"x"}}';
    const signature =
      '27c2b3ede7e24bcf39831d495f3c8d80159965533b596eed3e8b168a55cb67faa0044a07133ca580f8f608d9f0f676a1bdbe1f4d05564cb25dc1848cc339dccb';
    expect(read(body, signature)).toMatchObject({ eventId: 'transfer.success:1', key: null });
  });

  const good = text('transfer.success', transfer());
  test.each([
    ['none', undefined],
    ['an empty one', ''],
    ['one of another key', sign(good, 'sk_test_another')],
    ['one of other bytes', sign(`${good} `)],
    ['one byte less', sign(good).slice(2)],
    ['half a byte less', sign(good).slice(1)],
    ['a byte more', `${sign(good)}00`],
    ['no hexadecimal digits', sign(good).replace(/^./, 'g')],
    ['one of another algorithm', createHmac('sha256', SECRET).update(good).digest('hex')],
    ['another first byte', sign(good).replace(/^./, (digit) => (digit === '0' ? '1' : '0'))],
    ['another last byte', sign(good).replace(/.$/, (digit) => (digit === '0' ? '1' : '0'))],
  ])('with %s for a signature is refused', (_what, signature) => {
    const headers = signature === undefined ? {} : { 'x-paystack-signature': signature };
    expect(reader.read({ headers, body: Buffer.from(good) }, now)).toBe('BAD_SIGNATURE');
  });

  test('is proved over the bytes as they came, not over what they mean', () => {
    const spaced = `{ "event" : "transfer.success",\n "data": ${JSON.stringify(transfer())} }`;
    expect(read(spaced)).toMatchObject({ key: KEY });
    // The same meaning with other bytes, under the signature of the first.
    expect(read(good, sign(spaced))).toBe('BAD_SIGNATURE');
    expect(read(spaced, sign(good))).toBe('BAD_SIGNATURE');
    const changed = Buffer.from(good);
    changed[good.indexOf('123456')] = '9'.charCodeAt(0);
    expect(read(changed, sign(good))).toBe('BAD_SIGNATURE');
  });

  test.each(['', 'not json', '[]', 'null', '{}', '{"event":"transfer.success"}', '{"event":"x","data":{}}', '\ud800'])(
    'with the body %j is malformed, though signed',
    (body) => {
      expect(read(body)).toBe('MALFORMED');
    },
  );

  test('tells its amount and fee as they are, however odd: the bank compares them', () => {
    expect(read(text('transfer.success', transfer({ amount: 1, currency: 'USD', fee_charged: -5 })))).toMatchObject({
      amount: { amountMinor: 1n, currency: 'USD' },
      payout: { outcome: 'SUCCEEDED', feeMinor: -5n },
    });
  });

  test('about a word or a form that is newer than this adapter makes the bank ask', () => {
    for (const data of [transfer({ status: 'warped' }), transfer({ amount: 'much' }), transfer({ status: 'failed' })]) {
      expect(read(text('transfer.success', data))).toMatchObject({ key: KEY, payout: null });
    }
    expect(read(text('transfer.warped', transfer({ status: 'warped' })))).toMatchObject({
      payout: null,
    });
  });

  test.each([
    ['about somebody else’s transfer', 'transfer.success', transfer({ reference: 'acv_9ee55786-2323' })],
    ['about a charge', 'charge.success', transfer()],
  ])('%s is no news of a payout', (_what, event, data) => {
    expect(read(text(event, data))).toMatchObject({ key: null, payout: null, type: event });
  });

  test('knows no time, so that none is too old', () => {
    const body = Buffer.from(good);
    const late = reader.read({ headers: { 'x-paystack-signature': sign(good) }, body }, new Date('2099-01-01'));
    expect(late).toMatchObject({ key: KEY });
  });
});
