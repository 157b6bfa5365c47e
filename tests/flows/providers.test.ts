import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ibanEnding } from '../ibans.ts';
import { until } from '../until.ts';
import { openWorld, type World } from '../world.ts';

/* A bank that works with all outside companies: what its customers and the companies themselves notice of each other. */
let world: World;

beforeAll(async () => {
  world = await openWorld({ payouts: true });
});
afterAll(() => world.close());

test('cards are linked and charged, and what the provider tells on its own is taken', async () => {
  const ada = await world.register('Ada');
  const account = await world.openAccount(ada);
  const card = await world.linkCard(ada);
  const { transfer } = await world.transfer(ada, {
    source: { paymentMethodId: card },
    destination: { accountId: account },
    amount: { amount: '25.00', currency: 'USD' },
  });
  await until('the money is there', async () => (await world.booked(account)).posted === '2500');
  await until('the webhook was stored', async () => {
    const { rows } = await world.admin.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM transfer.provider_notice WHERE provider = 'stripe' AND type = 'payment_intent.succeeded'",
    );
    return rows[0]!.n === 1;
  });
  expect(world.simulators().stripe.charges()).toMatchObject([{ transferId: transfer!.id, status: 'succeeded' }]);
});

test('money goes to an IBAN by the bank that takes files, once, and comes back to nobody', async () => {
  const eve = await world.register('Eve');
  const account = await world.openAccount(eve, 'EUR', '500.00');
  const { transfer, userErrors } = await world.transfer(eve, {
    source: { accountId: account },
    destination: { iban: ibanEnding('5678'), payeeName: 'Ada Lovelace' },
    amount: { amount: '20.00', currency: 'EUR' },
    preference: 'CHEAP',
  });
  expect(userErrors).toEqual([]);
  const statusOf = async () => {
    const answer = await world.ask<{ transfer: { status: string; timeline: { note: string | null }[] } }>(
      'query ($id: ID!) { transfer(id: $id) { status timeline { note } } }',
      { id: transfer!.id },
      { as: eve },
    );
    return answer.transfer;
  };
  await until('it is done', async () => (await statusOf()).status === 'COMPLETED');
  const { bankrail, flutterwave } = world.simulators();
  expect(bankrail.payouts()).toMatchObject([{ amountMinor: '2000', currency: 'EUR', status: 'SUCCEEDED' }]);
  expect(flutterwave.payouts()).toEqual([]);
  const notes = (await statusOf()).timeline.map(({ note }) => note).join(' ');
  expect(notes).toMatch(
    /Sent through bankrail, preference CHEAP\. Scores of 100: bankrail \d+ \(health \d+, cost \d+, speed \d+\)/,
  );
});

test('money goes back to a card of the customer’s, and the provider’s own word ends it', async () => {
  const joe = await world.register('Joe');
  const account = await world.openAccount(joe, 'USD', '500.00');
  const { transfer, userErrors } = await world.transfer(joe, {
    source: { accountId: account },
    destination: { paymentMethodId: await world.linkCard(joe) },
    amount: { amount: '30.00', currency: 'USD' },
  });
  expect(userErrors).toEqual([]);
  await until('it is done', async () => {
    const answer = await world.ask<{ transfer: { status: string } }>(
      'query ($id: ID!) { transfer(id: $id) { status } }',
      { id: transfer!.id },
      { as: joe },
    );
    return answer.transfer.status === 'COMPLETED';
  });
  expect(world.simulators().stripe.payouts()).toMatchObject([
    { transferId: transfer!.id, amount: 3_000, currency: 'usd', status: 'paid' },
  ]);
});
