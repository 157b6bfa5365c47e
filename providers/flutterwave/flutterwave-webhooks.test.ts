import { describe, expect, test } from '@jest/globals';
import { createFlutterwaveWebhooks } from './flutterwave-webhooks.ts';

const HASH = 'a-secret-hash-of-ours';
const KEY = '019aa0b9d5a27c4d8e1f000000000001';
const reader = createFlutterwaveWebhooks({ secretHash: HASH });
const now = new Date('2026-11-21T12:00:00Z');

const data = { id: 33286, reference: KEY, status: 'SUCCESSFUL', amount: 1234.56, currency: 'NGN', fee: 10.75 };
const text = (change: object = {}, event = 'transfer.completed') =>
  JSON.stringify({ event, 'event.type': 'Transfer', data: { ...data, ...change } });

function read(body: string, hash: string | undefined = HASH) {
  return reader.read({ headers: { 'verif-hash': hash }, body: Buffer.from(body) }, now);
}

describe('a webhook of Flutterwave’s', () => {
  test('says that something happened to a payout, and nothing in it is believed', () => {
    expect(read(text())).toEqual({
      provider: 'flutterwave',
      eventId: 'transfer.completed:33286:SUCCESSFUL',
      type: 'transfer.completed',
      key: KEY,
      transferId: null,
      payout: null,
      amount: null,
    });
    // Whoever knows the hash can write what he likes: the most that comes of it is a question.
    expect(read(text({ status: 'FAILED', amount: 1e9 }))).toMatchObject({ payout: null });
  });

  test('has another id for each state of the same transfer', () => {
    const ids = ['SUCCESSFUL', 'FAILED', 'REVERSED'].map((status) => read(text({ status })) as { eventId: string });
    expect(new Set(ids.map(({ eventId }) => eventId)).size).toBe(3);
    expect(read(text())).toEqual(read(text({ fee: 1 })));
  });

  test.each([
    ['none', undefined],
    ['an empty one', ''],
    ['one that is shorter', HASH.slice(1)],
    ['one that is longer', `${HASH}x`],
    ['one with another byte', HASH.replace('s', 'z')],
    ['one in other letters', HASH.toUpperCase()],
  ])('with %s for a hash is refused', (_what, hash) => {
    const headers = hash === undefined ? {} : { 'verif-hash': hash };
    expect(reader.read({ headers, body: Buffer.from(text()) }, now)).toBe('BAD_SIGNATURE');
  });

  test.each([
    '',
    'no json',
    '[]',
    '{}',
    '{"event":"transfer.completed"}',
    '{"event":"transfer.completed","data":{"id":""}}',
  ])('with the body %j is malformed', (body) => {
    expect(read(body)).toBe('MALFORMED');
  });

  test('about somebody else’s transfer, or about a charge, is no news of a payout', () => {
    expect(read(text({ reference: 'PMCKDU_1' }))).toMatchObject({ key: null });
    expect(read(text({ reference: 7 }))).toMatchObject({ key: null });
    expect(read(text({}, 'charge.completed'))).toMatchObject({ key: null });
  });
});
