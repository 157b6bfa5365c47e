import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { AccountId } from '../../platform/ids.ts';
import { openWorld, type Person, type World } from '../world.ts';

/* Quotes through the public door, by two gateways. `world.close` proves the books, and that transfers are what was quoted. */

const QUOTE = `mutation ($input: QuoteTransferInput!) {
  quoteTransfer(input: $input) {
    quote {
      id type exchangeRate midRate spread rateDate fees { amount } feeBreakdown { tier } totalDebit { amount currency }
      destinationAmount { amount currency } expiresAt
    }
    userErrors { code }
  }
}`;
const CREATE = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) {
    transfer { id exchangeRate destinationAmount { amount } feeBreakdown { tier rule basis amount { amount } } }
    userErrors { code field }
  }
}`;
const USED = `query ($id: ID!) { quote(id: $id) { usedBy { id source { account { id balance { posted { amount } } } } } } }`;

const PAYOUT_QUOTE = `mutation ($input: QuoteTransferInput!) {
  quoteTransfer(input: $input) {
    quote {
      id type fees { amount } feeBreakdown { tier rule basis amount { amount } } provider preference
      options { provider recommended score fees { amount } }
    }
    userErrors { code }
  }
}`;
const PAYOUT = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) {
    transfer { type fees { amount } feeBreakdown { tier rule basis amount { amount } } } userErrors { code field }
  }
}`;

interface Quoted {
  quoteTransfer: {
    quote: { id: string; exchangeRate: string; midRate: string; destinationAmount: { amount: string } };
  };
}
interface Created {
  createTransfer: {
    transfer: { id: string; exchangeRate: string; destinationAmount: { amount: string } } | null;
    userErrors: { code: string; field: string[] }[];
  };
}

let world: World;
let ada: Person;
let euros: AccountId;
let yen: AccountId;

beforeAll(async () => {
  world = await openWorld({ gateways: 2, payouts: true });
  ada = await world.register('Ada Lovelace');
  euros = await world.openAccount(ada, 'EUR', '100.00');
  yen = await world.openAccount(ada, 'JPY');
});
afterAll(() => world.close());

test('a customer is quoted a rate, gets exactly that, once, and sees what it was used for', async () => {
  const input = {
    source: { accountId: euros },
    destination: { accountId: yen },
    amount: { amount: '33.33', currency: 'EUR' },
  };
  const { quoteTransfer } = await world.ask<Quoted>(QUOTE, { input }, { as: ada });
  const { quote } = quoteTransfer;
  expect(quote).toMatchObject({
    type: 'EXCHANGE',
    spread: '0.005',
    fees: { amount: '0.00' },
    feeBreakdown: [],
    totalDebit: { amount: '33.33', currency: 'EUR' },
    destinationAmount: { amount: expect.stringMatching(/^[0-9]+$/), currency: 'JPY' },
  });
  expect(Number(quote.exchangeRate) / Number(quote.midRate)).toBeCloseTo(0.995, 8);
  const balance = (await world.ask<{ quote: { usedBy: unknown } }>(USED, { id: quote.id }, { as: ada })).quote;
  expect(balance).toEqual({ usedBy: null });

  const attempts = await Promise.all(
    ['first', 'second', 'third'].map((idempotencyKey) =>
      world.ask<Created>(CREATE, { input: { ...input, idempotencyKey, quoteId: quote.id } }, { as: ada }),
    ),
  );
  const made = attempts.flatMap(({ createTransfer: { transfer } }) => (transfer ? [transfer] : []));
  expect(made).toEqual([
    {
      id: expect.any(String),
      exchangeRate: quote.exchangeRate,
      destinationAmount: { amount: quote.destinationAmount.amount },
      feeBreakdown: [],
    },
  ]);
  const refused = { code: 'QUOTE_ALREADY_USED', field: ['quoteId'] };
  expect(attempts.flatMap(({ createTransfer: { userErrors } }) => userErrors)).toEqual([refused, refused]);
  expect(await world.ask(USED, { id: quote.id }, { as: ada })).toEqual({
    quote: {
      usedBy: { id: made[0]!.id, source: { account: { id: euros, balance: { posted: { amount: '66.67' } } } } },
    },
  });

  const stranger = await world.register('Mallory');
  expect(await world.ask(USED, { id: quote.id }, { as: stranger })).toEqual({ quote: null });
});

test('a customer is quoted what an IBAN costs, line by line, and is charged that', async () => {
  const input = {
    source: { accountId: euros },
    destination: { iban: 'DE89 3704 0044 0532 0130 00', payeeName: 'Grace Hopper' },
    amount: { amount: '20.00', currency: 'EUR' },
  };
  const { quoteTransfer } = await world.ask<{
    quoteTransfer: {
      quote: {
        id: string;
        fees: { amount: string };
        feeBreakdown: { tier: string; amount: { amount: string } }[];
        provider: string;
        options: { provider: string; recommended: boolean }[];
      };
    };
  }>(PAYOUT_QUOTE, { input }, { as: ada });
  const { quote } = quoteTransfer;
  expect(quote).toMatchObject({ type: 'EXTERNAL', preference: 'BALANCED' });
  const lines = quote.feeBreakdown.map(({ amount }) => Math.round(Number(amount.amount) * 100));
  expect(lines.reduce((sum, line) => sum + line, 0)).toBe(Math.round(Number(quote.fees.amount) * 100));
  expect(quote.feeBreakdown[0]).toEqual({
    tier: 'PLATFORM',
    rule: 'platform.external',
    basis: '0.50 % of 20.00 EUR, at least 0.25 EUR',
    amount: { amount: '0.25' },
  });
  expect(quote.options.filter(({ recommended }) => recommended).map(({ provider }) => provider)).toEqual([
    quote.provider,
  ]);
  const { createTransfer } = await world.ask<Created>(
    PAYOUT,
    { input: { ...input, idempotencyKey: 'to Grace', quoteId: quote.id } },
    { as: ada },
  );
  expect(createTransfer).toEqual({
    transfer: { type: 'EXTERNAL', fees: quote.fees, feeBreakdown: quote.feeBreakdown },
    userErrors: [],
  });
});
