import { afterAll, beforeAll, expect, test } from '@jest/globals';
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
