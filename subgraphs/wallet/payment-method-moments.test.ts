import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { PaymentMethodId } from '../../platform/ids.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import { done, paymentMethodsOf, statementSample } from '../../tests/payment-methods.ts';
import { startWalletWorld, type WalletWorld } from '../../tests/wallet-world.ts';

let world: WalletWorld;
let methods: ReturnType<typeof paymentMethodsOf>;
beforeAll(async () => {
  world = await startWalletWorld();
  methods = paymentMethodsOf(world);
});
afterAll(() => world.close());

const CHECKING = statementSample('checking.ofx');
const CHECKING_NEXT = statementSample('checking-next.ofx');

describe('the moments that events tell', () => {
  const momentsOf = async (id: PaymentMethodId) =>
    (await methods.events(id))
      .filter(({ type }) => !type.startsWith('External'))
      .map(({ payload }) => String(payload['at']));

  test('are in the order of what happened, whatever the clocks of the processes say', async () => {
    let now = new Date('2031-01-01T00:00:00.000Z');
    const apart = await startWalletWorld({ clock: { ...world.deps.clock, now: () => now } });
    try {
      const asked = paymentMethodsOf(apart);
      const viewer = viewerFor();
      const { id } = await done(asked.connectStatement(viewer, CHECKING));
      now = new Date('2030-01-01T00:00:00.000Z');
      await done(asked.disconnect(viewer, id));
      now = new Date('2029-01-01T00:00:00.000Z');
      await done(asked.connectStatement(viewer, CHECKING));
      now = new Date('2028-01-01T00:00:00.000Z');
      await done(asked.sync(viewer, id, CHECKING_NEXT));
      const moments = (await asked.events(id)).map(({ payload }) => String(payload['at']));
      expect(moments).toHaveLength(8);
      expect(moments).toEqual(moments.toSorted());
      expect(moments[3]! > moments[2]! && moments[4]! > moments[3]!).toBe(true);
    } finally {
      await apart.close();
    }
  });

  test('go on after the last one when the clock of the database has been set back', async () => {
    const viewer = viewerFor();
    const { id } = await done(methods.connectStatement(viewer, CHECKING));
    const ahead = '2035-01-01T00:00:00.000Z';
    await world.database
      .pool('postgres')
      .query('UPDATE wallet.payment_method SET changed_at = $2 WHERE id = $1', [id, ahead]);
    await done(methods.disconnect(viewer, id));
    await done(methods.connectStatement(viewer, CHECKING));
    expect((await momentsOf(id)).slice(2)).toEqual([
      '2035-01-01T00:00:00.001Z',
      '2035-01-01T00:00:00.002Z',
      '2035-01-01T00:00:00.002Z',
    ]);
  });
});
