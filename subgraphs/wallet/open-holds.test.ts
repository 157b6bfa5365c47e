import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { releaseHold } from '../../ledger/holds.ts';
import { newId, type AccountId, type HoldId, type TransferId } from '../../platform/ids.ts';
import type { Viewer } from '../../platform/viewer.ts';
import { placeHold } from '../../tests/holds.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import { pocketsIn } from '../../tests/pockets.ts';
import { startWalletWorld, type WalletWorld } from '../../tests/wallet-world.ts';

let world: WalletWorld;
beforeAll(async () => {
  world = await startWalletWorld();
}, 60_000);
afterAll(() => world.close());

interface Shown {
  holds: { id: HoldId; amount: object; expiresAt: string | null; transfer: { id: TransferId } | null }[];
  overview: { reserved: { amount: string } };
}

async function shown(viewer: Viewer, accountId: AccountId): Promise<Shown | null> {
  const query = `query ($id: ID!) { account(id: $id) {
    holds { id amount { amount currency } placedAt expiresAt transfer { id } } overview { reserved { amount } } } }`;
  const { data, errors } = await world.execute<{ account: Shown | null }>(query, {
    viewer,
    variables: { id: accountId },
  });
  expect(errors).toEqual([]);
  return data.account;
}

async function hold(
  accountId: AccountId,
  amountMinor: bigint,
  lastsSeconds: number | null,
): Promise<[HoldId, TransferId]> {
  const [id, transferId] = [newId<HoldId>(), newId<TransferId>()];
  const request = { id, accountId, amount: { amountMinor, currency: 'USD' }, transferId, lastsSeconds };
  expect(await placeHold(world.database.pool('dwaybank_ledger'), request)).toMatchObject({ ok: true });
  return [id, transferId];
}

test('an account shows what it holds for each payment, oldest first, and neither what has ended nor what is in a pocket', async () => {
  const viewer = viewerFor();
  const accountId = await world.open(viewer.userId);
  await world.post({ accountId, amountMinor: 100_00n });
  const pockets = pocketsIn(world);
  const pocket = await pockets.create(viewer, accountId);
  await pockets.into(viewer, pocket.id, '5.00');
  const [first, payment] = await hold(accountId, 10_00n, 60);
  const [second] = await hold(accountId, 7_00n, null);
  const [ended] = await hold(accountId, 3_00n, 60);
  const ledger = world.database.pool('dwaybank_ledger');
  await releaseHold(ledger, ended);
  await releaseHold(ledger, first, 4_00n);
  expect(await shown(viewer, accountId)).toMatchObject({
    holds: [
      {
        id: first,
        amount: { amount: '6.00', currency: 'USD' },
        transfer: { id: payment },
        expiresAt: expect.any(String) as unknown,
      },
      { id: second, amount: { amount: '7.00' }, expiresAt: null },
    ],
    overview: { reserved: { amount: '13.00' } },
  });
  expect(await shown(viewerFor(), accountId)).toBeNull();
});
