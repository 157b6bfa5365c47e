import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { AccountId } from '../../platform/ids.ts';
import { parseAmount } from '../../platform/money.ts';
import { convertMinor, parseRate } from '../../platform/rates.ts';
import { openWorld, type Person, type World } from '../world.ts';

/* Money changed through the public door, at the rates that the bank starts with. `world.close` proves the books. */

const EXCHANGE = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) {
    replayed
    transfer {
      id type status exchangeRate amount { amount currency } destinationAmount { amount currency } fees { amount }
      source { label account { id balance { posted { amount } } } } destination { account { id balance { posted { amount } } } }
      riskAssessment { decision factors { name } }
    }
    userErrors { code field }
  }
}`;
const STATEMENT = `query ($id: ID!) {
  account(id: $id) { transactions(first: 1) { edges { node {
    type amount { amount currency } balanceAfter { amount } counterparty transfer { id type }
  } } } }
}`;
const LIVE =
  'subscription ($id: ID!) { transferUpdated(transferId: $id) { status exchangeRate destinationAmount { amount } } }';

interface Exchanged {
  createTransfer: {
    replayed: boolean;
    transfer: { id: string; exchangeRate: string; destinationAmount: { amount: string } };
    userErrors: { code: string }[];
  };
}

let world: World;
let ada: Person;
let euros: AccountId;
let yen: AccountId;

beforeAll(async () => {
  world = await openWorld({ gateways: 2 });
  ada = await world.register('Ada Lovelace');
  euros = await world.openAccount(ada, 'EUR', '100.00');
  yen = await world.openAccount(ada, 'JPY');
});
afterAll(() => world.close());

const input = (change: Record<string, unknown> = {}) => ({
  idempotencyKey: 'holiday money',
  source: { accountId: euros },
  destination: { accountId: yen },
  amount: { amount: '33.33', currency: 'EUR' },
  ...change,
});

async function lineOf(account: AccountId): Promise<Record<string, unknown>> {
  const { account: found } = await world.ask<{
    account: { transactions: { edges: { node: Record<string, unknown> }[] } };
  }>(STATEMENT, { id: account }, { as: ada });
  return found.transactions.edges[0]!.node;
}

test('a customer changes euros into yen; every look at it says the same, and a stranger sees none of it', async () => {
  const { createTransfer } = await world.ask<Exchanged>(EXCHANGE, { input: input() }, { as: ada });
  const { transfer } = createTransfer;
  const arrived = transfer.destinationAmount.amount;
  expect(createTransfer).toEqual({
    replayed: false,
    transfer: {
      id: transfer.id,
      type: 'EXCHANGE',
      status: 'COMPLETED',
      exchangeRate: expect.stringMatching(/^[1-9]\d*\.\d+$/),
      amount: { amount: '33.33', currency: 'EUR' },
      destinationAmount: { amount: arrived, currency: 'JPY' },
      fees: { amount: '0.00' },
      source: { label: 'Ada Lovelace (EUR)', account: { id: euros, balance: { posted: { amount: '66.67' } } } },
      destination: { account: { id: yen, balance: { posted: { amount: arrived } } } },
      riskAssessment: { decision: 'ALLOW', factors: [] },
    },
    userErrors: [],
  });
  // What arrived is what the shown rate comes to.
  const rate = parseRate(transfer.exchangeRate)!;
  expect(parseAmount(arrived, 'JPY')).toBe(convertMinor(33_33n, 'EUR', 'JPY', rate));

  const line = { type: 'EXCHANGE', transfer: { id: transfer.id, type: 'EXCHANGE' } };
  expect(await lineOf(euros)).toEqual({
    ...line,
    amount: { amount: '-33.33', currency: 'EUR' },
    balanceAfter: { amount: '66.67' },
    counterparty: 'Ada Lovelace (JPY)',
  });
  expect(await lineOf(yen)).toEqual({
    ...line,
    amount: { amount: arrived, currency: 'JPY' },
    balanceAfter: { amount: arrived },
    counterparty: 'Ada Lovelace (EUR)',
  });

  // The other bank of this database answers the same key with the rate of then.
  const again = await world.ask<Exchanged>(EXCHANGE, { input: input() }, { as: ada, gateway: 1 });
  expect(again.createTransfer).toEqual({ ...createTransfer, replayed: true });
  const live = world.follow<Record<string, unknown>>(LIVE, { id: transfer.id }, { as: ada });
  expect((await live.result(0)).data).toEqual({
    transferUpdated: {
      status: 'COMPLETED',
      exchangeRate: transfer.exchangeRate,
      destinationAmount: { amount: arrived },
    },
  });
  await live.leave();

  const eve = await world.register('Eve');
  const seen = await world.send(
    'query ($id: ID!) { transfer(id: $id) { exchangeRate } }',
    { id: transfer.id },
    { as: eve },
  );
  expect(seen).toMatchObject({ data: { transfer: null } });
});

test('what cannot be changed is refused, and nothing moves', async () => {
  const eve = await world.register('Mallory');
  const hers = await world.openAccount(eve, 'JPY');
  const before = [await world.booked(euros), await world.booked(yen), await world.booked(hers)];
  const codes = async (change: Record<string, unknown>, as = ada) => {
    const idempotencyKey = randomUUID();
    const { createTransfer } = await world.ask<Exchanged>(
      EXCHANGE,
      { input: input({ idempotencyKey, ...change }) },
      { as },
    );
    expect(createTransfer.transfer).toBeNull();
    return createTransfer.userErrors.map(({ code }) => code);
  };
  expect(await codes({ destination: { accountId: hers } })).toEqual(['CURRENCY_MISMATCH']);
  expect(await codes({ amount: { amount: '33', currency: 'JPY' } })).toEqual(['CURRENCY_MISMATCH']);
  expect(await codes({ amount: { amount: '1000.00', currency: 'EUR' } })).toEqual(['INSUFFICIENT_FUNDS']);
  expect(await codes({}, eve)).toEqual(['ACCOUNT_NOT_FOUND']);
  const tiny = {
    source: { accountId: yen },
    destination: { accountId: euros },
    amount: { amount: '1', currency: 'JPY' },
  };
  expect(await codes(tiny)).toEqual(['EXCHANGE_TOO_SMALL']);
  expect([await world.booked(euros), await world.booked(yen), await world.booked(hers)]).toEqual(before);
});
