import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { newId, type AccountId } from '../../../platform/ids.ts';
import { createScriptedCards } from '../../../tests/scripted-cards.ts';
import { openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';

const QUOTE_FIELDS = `id type amount { amount currency } fees { amount currency } feeBreakdown { tier }
  totalDebit { amount currency } destinationAmount { amount currency } exchangeRate midRate spread rateDate preference provider
  usualSeconds options { provider } cheaper { provider } createdAt expiresAt usedBy { id }`;
const QUOTE = `mutation ($input: QuoteTransferInput!) {
  quoteTransfer(input: $input) { quote { ${QUOTE_FIELDS} } userErrors { code field } }
}`;
const READ = `query ($id: ID!) { quote(id: $id) { ${QUOTE_FIELDS} } }`;

let world: TransferWorld;
let ada: Customer;
let bob: Customer;
let dollars: AccountId;
let euros: AccountId;

beforeAll(async () => {
  world = await openTransferWorld({ cards: createScriptedCards() });
  // Less half a per cent, a euro is worth 1.08735 dollars.
  const EUR = '0.91506874511426863475421897';
  await world.recordRates({ date: '2026-09-29', perUsd: { EUR, JPY: '157.5', KWD: '0.306' } });
});
beforeEach(async () => {
  [ada, bob] = [await world.customer('Ada Lovelace'), await world.customer('Bob')];
  dollars = await world.account(ada, 'USD', { funds: '10.00' });
  euros = await world.account(ada, 'EUR');
});
afterEach(() => world.proveBooks());
afterAll(() => world.close());

interface Payload {
  quote: Record<string, unknown> | null;
  userErrors: { code: string; field: string[] | null }[];
}

async function quote(change: Record<string, unknown> = {}, as: Customer | null = ada): Promise<Payload> {
  const input = {
    source: { accountId: dollars },
    destination: { email: bob.email },
    amount: { amount: '4.50', currency: 'USD' },
    ...change,
  };
  const result = await world.execute(as, QUOTE, { input });
  expect(result.errors).toBeUndefined();
  return result.data!['quoteTransfer'] as Payload;
}

const exchange = (amount: string, currency: string, from: AccountId, to: AccountId) =>
  quote({ source: { accountId: from }, destination: { accountId: to }, amount: { amount, currency } });

describe('a quote', () => {
  test('of a transfer to somebody is free, and brings what is sent', async () => {
    await world.account(bob);
    const before = await world.stored();
    const { quote: made, userErrors } = await quote();
    expect(userErrors).toEqual([]);
    expect(made).toEqual({
      id: expect.any(String),
      type: 'INTERNAL',
      amount: { amount: '4.50', currency: 'USD' },
      fees: { amount: '0.00', currency: 'USD' },
      feeBreakdown: [],
      totalDebit: { amount: '4.50', currency: 'USD' },
      destinationAmount: { amount: '4.50', currency: 'USD' },
      exchangeRate: null,
      midRate: null,
      spread: null,
      rateDate: null,
      preference: 'BALANCED',
      provider: null,
      usualSeconds: 0,
      options: [],
      cheaper: null,
      createdAt: expect.any(String),
      expiresAt: expect.any(String),
      usedBy: null,
    });
    expect(Date.parse(made!['expiresAt'] as string) - Date.parse(made!['createdAt'] as string)).toBe(60_000);
    // Nothing was moved, kept under a key, told or assessed.
    expect(await world.stored()).toEqual(before);
    expect(world.risk.asked).toEqual([]);
  });

  test('of a deposit is free too, and promises no time', async () => {
    const card = await world.link(ada);
    const { quote: made } = await quote({ source: { paymentMethodId: card }, destination: { accountId: dollars } });
    expect(made).toMatchObject({ type: 'DEPOSIT', fees: { amount: '0.00' }, usualSeconds: null, provider: null });
  });

  test('of an exchange says the mid rate, the spread, and what is left: 33.33 EUR x 1.08735 = 36.24 USD', async () => {
    const { quote: made } = await exchange('33.33', 'EUR', euros, dollars);
    expect(made).toMatchObject({
      type: 'EXCHANGE',
      amount: { amount: '33.33', currency: 'EUR' },
      fees: { amount: '0.00', currency: 'EUR' },
      totalDebit: { amount: '33.33', currency: 'EUR' },
      destinationAmount: { amount: '36.24', currency: 'USD' },
      exchangeRate: '1.08735',
      midRate: '1.09281407',
      spread: '0.005',
      rateDate: '2026-09-29',
    });
  });

  test('has the decimals of each currency: none of the yen, three of the dinar', async () => {
    const [yen, dinars] = [await world.account(ada, 'JPY'), await world.account(ada, 'KWD')];
    expect((await exchange('10.00', 'USD', dollars, yen)).quote).toMatchObject({
      // 157.5 x 0.995 = 156.7125
      exchangeRate: '156.7125',
      destinationAmount: { amount: '1567', currency: 'JPY' },
    });
    expect((await exchange('10.00', 'USD', dollars, dinars)).quote).toMatchObject({
      exchangeRate: '0.30447',
      destinationAmount: { amount: '3.045', currency: 'KWD' },
    });
    expect(await exchange('1.5', 'JPY', yen, dollars)).toMatchObject({
      quote: null,
      userErrors: [{ code: 'TOO_MANY_DECIMALS', field: ['amount', 'amount'] }],
    });
  });

  test('is refused as the transfer would be', async () => {
    expect((await quote()).userErrors).toEqual([{ code: 'UNKNOWN_RECIPIENT', field: ['destination', 'email'] }]);
    expect((await quote({ source: { accountId: newId() } })).userErrors).toMatchObject([{ code: 'ACCOUNT_NOT_FOUND' }]);
    expect(await quote({ source: {}, amount: { amount: '-1', currency: 'USD' } })).toEqual({
      quote: null,
      userErrors: [
        { code: 'EXACTLY_ONE_END', field: ['source'] },
        { code: 'AMOUNT_NOT_POSITIVE', field: ['amount', 'amount'] },
      ],
    });
    const { rows } = await world.admin.query('SELECT FROM transfer.quote WHERE user_id = $1', [ada.userId]);
    expect(rows).toEqual([]);
  });

  test('is its owner’s alone to read', async () => {
    const { quote: made } = await exchange('33.33', 'EUR', euros, dollars);
    const id = made!['id'];
    expect(await world.execute(ada, READ, { id })).toEqual({ data: { quote: made } });
    const nobody = { data: { quote: null } };
    for (const as of [bob, null]) expect(await world.execute(as, READ, { id })).toEqual(nobody);
    expect(await world.execute(ada, READ, { id: newId() })).toEqual(nobody);
    expect(await world.execute(ada, READ, { id: 'x' })).toEqual(nobody);
    const unasked = await world.execute(null, QUOTE, {
      input: { source: {}, destination: {}, amount: { amount: '1', currency: 'USD' } },
    });
    expect(unasked.errors?.[0]?.extensions?.['code']).toBe('UNAUTHENTICATED');
  });

  test('is not to be had without end: too many in a short time are refused', async () => {
    const ask = () =>
      world.execute(ada, QUOTE, {
        input: {
          source: { accountId: dollars },
          destination: { accountId: dollars },
          amount: { amount: '1.00', currency: 'USD' },
        },
      });
    const answers = await Promise.all(Array.from({ length: 301 }, ask));
    const codes = answers.map(({ errors }) => errors?.[0]?.extensions?.['code']);
    expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(1);
    expect(codes.filter((code) => code === undefined)).toHaveLength(300);
    // Of somebody else nothing was counted.
    expect((await quote({}, bob)).userErrors).toMatchObject([{ code: 'ACCOUNT_NOT_FOUND' }]);
  });

  test('keeps neither emails nor accounts in plain words', async () => {
    await world.account(bob);
    const { quote: made } = await quote();
    const { rows } = await world.admin.query<{ row: string }>(
      'SELECT row_to_json(q)::text AS row FROM transfer.quote q WHERE id = $1',
      [made!['id']],
    );
    expect(rows[0]!.row).not.toContain(bob.email);
    expect(rows[0]!.row).not.toContain(dollars);
  });
});
